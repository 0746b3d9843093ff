"""Writing the log as a file of lines: made whole, then only ever added to."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

import msgspec

from guarita.audit.errors import LedgerUnavailableError, ProofError
from guarita.audit.export.lines import Format
from guarita.audit.export.tail import cut_torn
from guarita.audit.ledger import Ledger
from guarita.errors import UsageError

Progress = Callable[[int, int], None]
"""Called with how many entries are written, and of how many."""

_STEP = 1024


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What an export did."""

    size: int
    """Entries that the file holds now."""
    added: int


def export_lines(
    ledger: Ledger, path: Path, form: Format, *, size: int, progress: Progress = lambda *_: None
) -> Written:
    """Write the first `size` entries to a file, or add to it what it lacks.

    A new file appears under its name when it is whole; an existing one grows by whole lines. What an
    interrupted export left is continued. Raises ProofError `audit.export-other` when the last line is not of
    this ledger, UsageError `audit.export-busy`, LedgerUnavailableError `audit.export-unwritable`, and as `Ledger.entries`.
    """
    beside = path.with_name(f".{path.name}.part")
    work = path if path.exists() else beside
    try:
        work.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(work, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            start = _continued(ledger, file, path, form)
            for leaf in ledger.entries(start, size) if start < size else ():
                file.write(form.render(leaf, ledger.origin))
                if not leaf.index % _STEP:
                    progress(leaf.index, size)
            file.flush()
            os.fsync(file.fileno())
        if work is beside:
            beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except BlockingIOError as error:
        raise UsageError("audit.export-busy", f"{path}: another process is writing there") from error
    except OSError as error:
        raise LedgerUnavailableError("audit.export-unwritable", f"{path}: {error.strerror}") from error
    progress(size, size)
    return Written(size=max(start, size), added=max(0, size - start))


def _continued(ledger: Ledger, file: IO[bytes], path: Path, form: Format) -> int:
    line = cut_torn(file)
    if not line:
        return 0
    index = form.index(line)
    known = index is not None and 0 <= index < ledger.size
    # The line itself is compared where its entry is still here; an archived one has left its hash alone.
    if index is None or not known or (index >= ledger.archived and line != _line(ledger, form, index)):
        raise ProofError(
            "audit.export-other",
            f"{path}: its last line is not an entry of this ledger",
            hint="export into a new file",
        )
    return index + 1


def _line(ledger: Ledger, form: Format, index: int) -> bytes:
    return b"".join(form.render(leaf, ledger.origin) for leaf in ledger.entries(index, index + 1))
