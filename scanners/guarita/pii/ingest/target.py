"""Where a redacted document goes: memory, or a file that takes its name only when it is whole and clean."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from guarita.errors import GuaritaError
from guarita.pii.ingest.opened import memory, pieces


class Target:
    """Where a redacted document goes: memory, or a file that takes its name only when it is whole and clean."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._own = path.with_name(f".{secrets.token_hex(8)}.guarita") if path else None
        self._kept = False

    def __enter__(self) -> Self:
        if self._own is None:
            self.descriptor = memory()
            return self
        try:
            self.descriptor = os.open(self._own, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise GuaritaError(
                "pii.output", f"{self._own.parent}: cannot be written: {error.strerror}"
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.descriptor)
        if self._own is not None and not self._kept:
            self._own.unlink(missing_ok=True)

    @contextlib.contextmanager
    def spare(self) -> Iterator[int]:
        """What is written so far, as another file without a name in the same place."""
        copied: int
        if self._path is None:
            copied = memory()
        else:
            with tempfile.TemporaryFile(dir=self._path.parent) as file:
                copied = os.dup(file.fileno())
        try:
            for piece in pieces(self.descriptor):
                view = memoryview(piece)
                while view:
                    view = view[os.write(copied, view) :]
            yield copied
        finally:
            os.close(copied)

    def append(self, piece: bytes) -> None:
        """Write more."""
        view = memoryview(piece)
        while view:
            view = view[os.write(self.descriptor, view) :]

    def emptied(self) -> int:
        """The file with nothing in it."""
        os.ftruncate(self.descriptor, 0)
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        return self.descriptor

    def finished(self) -> dict[str, Path | bytes]:
        """Give the file its name, durably; or give the bytes."""
        if self._path is None or self._own is None:
            return {"data": b"".join(pieces(self.descriptor))}
        os.fsync(self.descriptor)
        if self._path.exists():
            os.fchmod(self.descriptor, self._path.stat().st_mode & 0o777)
        self._own.replace(self._path)
        self._kept = True
        return {"path": self._path}
