"""Files that appear whole or not at all: written beside, renamed, and synced in groups."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from guarita.audit.errors import LedgerUnavailableError
from guarita.errors import UsageError

_GROUP: Final = 256


class Folder:
    """A folder that one writer at a time fills. Use it within `writing`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unsynced: list[Path] = []

    def put(self, name: str, data: bytes) -> bool:
        """Write a file unless it is there with just these bytes; says whether it was written."""
        path = self.path / name
        with contextlib.suppress(OSError):
            if path.read_bytes() == data:
                return False
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.part")
        beside.write_bytes(data)
        beside.replace(path)
        self._unsynced.append(path)
        if len(self._unsynced) >= _GROUP:
            self.sync()
        return True

    def sync(self) -> None:
        """Make what was written durable, names included."""
        folders = {self.path}
        for path in self._unsynced:
            _sync(path)
            folders.update(path.parents[: len(path.relative_to(self.path).parts)])
        for folder in folders:
            _sync(folder)
        self._unsynced.clear()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Folder]:
    """Make the folder if need be and hold it alone. A new one is its owner's only, since the events stand in it.

    Raises UsageError `audit.export-busy` when another process writes there, LedgerUnavailableError
    `audit.export-unwritable` when it cannot be written.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield Folder(path)
        finally:
            os.close(handle)
    except BlockingIOError as error:
        raise UsageError("audit.export-busy", f"{path}: another process is writing there") from error
    except OSError as error:
        where = error.filename or path
        raise LedgerUnavailableError("audit.export-unwritable", f"{where}: {error.strerror}") from error


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
