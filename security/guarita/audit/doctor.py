"""The ledger's checks for `guarita doctor`: there, writable, room on its disk, its key private, whole, and its clock."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from guarita.audit.errors import LedgerUnavailableError
from guarita.audit.ledger import Ledger
from guarita.audit.locate import KEY_SUFFIX, Settings, ledger_settings, open_settings, sqlite_path
from guarita.doctor import Check, Subject
from guarita.errors import GuaritaError, UsageError

ROOM: Final = 1 << 30
"""Bytes that a disk should have left."""
SKEW: Final = 300.0
"""Seconds that the newest entry may be ahead of this clock."""


def checks(subject: Subject) -> Iterable[Check]:
    """What to look at for the ledger of this configuration."""
    found = ledger_settings(subject.ledger, subject.file if subject.file.exists() else None)
    yield Check("ledger", lambda: _there(found))
    yield Check("ledger whole", lambda: _whole(found))
    yield Check("ledger clock", lambda: _clock(found))
    path = sqlite_path(found.url)
    if path is not None:
        yield Check("ledger writable", lambda: _writable(path))
        yield Check("ledger disk", lambda: _room(path))
        key = Path(found.key) if found.key and ":" not in found.key and found.key != "none" else None
        yield Check(
            "ledger key", lambda: _private(key or path.with_suffix(KEY_SUFFIX), required=key is not None)
        )


def _opened(found: Settings) -> Ledger:
    return open_settings(found, create=False, read_only=True)


def _there(found: Settings) -> str:
    with _opened(found) as ledger:
        latest = ledger.store.latest_checkpoint()
        signed = f"signed up to {latest.size}" if latest else "never signed"
        return f"{ledger.size} entries of {ledger.origin}, {signed}"


def _whole(found: Settings) -> str:
    with _opened(found) as ledger:
        return f"{ledger.verify().size} entries hold"


def _clock(found: Settings) -> str:
    with _opened(found) as ledger:
        size = ledger.size
        newest = max((one.event.get("time", 0) for one in ledger.query(start=max(0, size - 100))), default=0)
    ahead = newest / 1000 - time.time()
    if ahead > SKEW:
        raise UsageError(
            "audit.clock",
            f"the newest entry is {ahead:.0f} seconds ahead of this machine's clock",
            hint="set the clock by NTP, here or where that entry was written",
        )
    return "no entry is ahead of this machine's clock"


def _writable(path: Path) -> str:
    for place in (path.parent, path):
        if place.exists() and not os.access(place, os.W_OK):
            raise UsageError(
                "audit.unwritable", f"{place}: this user may not write it", hint=f"chown or chmod {place}"
            )
    return f"{path} and its folder may be written"


def _room(path: Path) -> str:
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError as error:
        raise LedgerUnavailableError("audit.disk", f"{path.parent}: {error.strerror}") from error
    if free < ROOM:
        raise UsageError(
            "audit.disk",
            f"{path.parent}: {free >> 20} MiB left",
            hint="make room: a full disk refuses every event",
        )
    return f"{free >> 30} GiB left"


def _private(key: Path, *, required: bool) -> str:
    try:
        mode = stat.S_IMODE(key.stat().st_mode)
    except FileNotFoundError:
        if required:
            raise UsageError("audit.key", f"{key}: the signing key is not there") from None
        return "no key here: this process signs nothing"
    except OSError as error:
        raise GuaritaError("audit.key", f"{key}: {error.strerror}") from error
    if mode & 0o077:
        raise UsageError(
            "audit.key-permissions", f"{key}: others may read it (mode {mode:04o})", hint=f"chmod 600 {key}"
        )
    return f"{key} is its owner's alone"
