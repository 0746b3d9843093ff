"""JSON lines in a file that is rotated by size or age: nothing is deleted, and no line stands twice."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from guarita.audit.export.lines import json_line
from guarita.audit.export.tail import cut_torn
from guarita.audit.sinks.interface import Batch, Sink, SinkRefusedError, SinkUnavailableError

_DIGITS = 20


class _Event(msgspec.Struct):
    time: int = 0


class _Line(msgspec.Struct):
    index: int
    leaf_hash: str
    event: _Event | None = None

    @property
    def seconds(self) -> float:
        return self.event.time / 1000 if self.event else 0.0


_decoder = msgspec.json.Decoder(_Line)


class FileSink(Sink):
    """Appends lines to `path`, and syncs before it answers.

    Rotated files are called `NAME.FIRST-LAST` by the indexes in them, with leading zeros, so that they sort.
    A file that somebody else renames (logrotate without `copytruncate`) is left to them, and a new one begun.
    """

    def __init__(self, path: Path, *, max_bytes: int, max_age: float | None = None) -> None:
        """`max_age` is in seconds, between the events' times of the first line and of the next one."""
        self.path = path
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._file: IO[bytes] | None = None
        self._size = 0
        self._first: _Line | None = None
        self._last: _Line | None = None

    def send(self, batch: Batch) -> int:
        with self._explained():
            file = self._ready()
            for leaf in batch.leaves:
                if self._stands_already(leaf.index, leaf.hash.hex()):
                    continue
                line = json_line(leaf)
                known = _decoder.decode(line)
                if self._first is not None and self._is_full(len(line), known.seconds - self._first.seconds):
                    file = self._rotate(file)
                file.write(line)
                self._size += len(line)
                self._first, self._last = self._first or known, known
            _sync(file)
        return 0

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _stands_already(self, index: int, leaf_hash: str) -> bool:
        if self._last is None or index > self._last.index:
            return False
        if index == self._last.index and leaf_hash != self._last.leaf_hash:
            raise SinkRefusedError(
                "audit.sink-foreign",
                f"{self.path}: entry {index} stands there already, and is another one",
                hint="give each ledger a file of its own",
            )
        return True

    def _is_full(self, more: int, age: float) -> bool:
        return self._size + more > self._max_bytes or (self._max_age is not None and age >= self._max_age)

    def _ready(self) -> IO[bytes]:
        """The file that has the name now, open, with a whole line at its end."""
        if self._file is not None:
            if self._still_there(self._file):
                return self._file
            self.close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            last = cut_torn(file)
            self._size = file.tell()
            file.seek(0)
            self._first = self._parse(file.readline()) if last else None
            file.seek(0, os.SEEK_END)
            # A crash right after a rotation leaves an empty file: what came last stands in the one before.
            self._last = self._parse(last) if last else self._last or self._last_rotated()
        except BaseException:
            file.close()
            raise
        self._file = file
        self._sync_folder()
        return file

    def _still_there(self, file: IO[bytes]) -> bool:
        try:
            there, ours = self.path.stat(), os.fstat(file.fileno())
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def _parse(self, line: bytes) -> _Line:
        try:
            return _decoder.decode(line)
        except msgspec.DecodeError:
            raise SinkRefusedError(
                "audit.sink-foreign",
                f"{self.path}: its lines are not those of a ledger",
                hint="give the sink a file of its own",
            ) from None

    def _last_rotated(self) -> _Line | None:
        number = "[0-9]" * _DIGITS
        rotated = sorted(self.path.parent.glob(f"{self.path.name}.{number}-{number}"))
        if not rotated:
            return None
        with rotated[-1].open("r+b") as file:
            return self._parse(cut_torn(file))

    def _rotate(self, file: IO[bytes]) -> IO[bytes]:
        _sync(file)
        first, last = self._first, self._last
        if first is not None and last is not None:
            name = f"{self.path.name}.{first.index:0{_DIGITS}d}-{last.index:0{_DIGITS}d}"
            self.path.rename(self.path.with_name(name))
        self.close()
        return self._ready()

    def _sync_folder(self) -> None:
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # What was written in part is cut, and what is whole is counted, when the file is opened again.
            with contextlib.suppress(OSError):
                self.close()
            self._file, self._last = None, None
            why = "another process writes there" if isinstance(error, BlockingIOError) else error.strerror
            raise SinkUnavailableError("audit.sink-file", f"{self.path}: {why}") from error


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
