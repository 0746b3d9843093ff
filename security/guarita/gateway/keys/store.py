"""The last good key set of an issuer in a file, so that a restart during an outage finds it. Judged anew when read."""

from __future__ import annotations

import json
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guarita.gateway.tokens import strictjson

_FORMAT: Final = "guarita.key-set/1"
MAX_FILE: Final = 1_048_576
"""Bytes: a set of the largest size, its quotes escaped, has room."""
_MODE: Final = 0o600


@dataclass(frozen=True, slots=True)
class Stored:
    """A key set as it was answered, and when (seconds since the epoch)."""

    raw: bytes
    fetched: float


class KeySetFile:
    """One issuer's file. Only its owner may write it, and what it holds is no more trusted than an answer."""

    def __init__(self, path: Path, issuer: str) -> None:
        self.path = path
        self._issuer = issuer

    def read(self) -> Stored | None:
        """What was kept for this issuer. None where there is no file, or it is not ours alone, or is damaged."""
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
                return None
            raw = file.read(MAX_FILE + 1)
        return self._decoded(raw)

    def write(self, stored: Stored) -> None:
        """Replace the file in one step. Raises OSError."""
        record = {
            "format": _FORMAT,
            "issuer": self._issuer,
            "fetched": stored.fetched,
            "set": stored.raw.decode("utf-8"),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = self.path.with_name(f"{self.path.name}.{secrets.token_hex(8)}")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(json.dumps(record).encode())
                file.flush()
                os.fsync(handle)
            beside.replace(self.path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise

    def _decoded(self, raw: bytes) -> Stored | None:
        if len(raw) > MAX_FILE:
            return None
        try:
            record = strictjson.parse(raw)
        except strictjson.StrictJsonError:
            return None
        text, fetched = record.get("set"), record.get("fetched")
        if record.get("format") != _FORMAT or record.get("issuer") != self._issuer:
            return None
        if type(text) is not str or type(fetched) is not float:
            return None
        return Stored(text.encode(), fetched)
