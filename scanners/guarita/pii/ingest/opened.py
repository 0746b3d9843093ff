"""A document as an open file: what is hashed, read and redacted is one and the same."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from guarita.errors import UsageError
from guarita.pii.documents import DocumentError, Source

_PIECE: Final = 1 << 20


@contextlib.contextmanager
def opened(source: Source) -> Iterator[int]:
    """The descriptor of a document: of its file, or of memory that has no name and ends with this process.

    Raises UsageError `pii.unreadable` where there is no such file, or it is no regular one.
    """
    if source.descriptor is not None:
        yield source.descriptor
        return
    if source.path is None:
        descriptor = os.memfd_create("document", os.MFD_CLOEXEC)
        view = memoryview(source.data)
        while view:
            view = view[os.write(descriptor, view[:_PIECE]) :]
    else:
        descriptor = _open(source.path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def memory() -> int:
    """An open file in memory, to write to."""
    return os.memfd_create("redacted", os.MFD_CLOEXEC)


def _open(path: Path) -> int:
    try:
        # Without O_NONBLOCK a pipe would wait for whoever writes.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise UsageError("pii.unreadable", f"{path}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError("pii.unreadable", f"{path}: no regular file", hint="name files or folders, or `-`")
    return descriptor


def pieces(descriptor: int) -> Iterator[bytes]:
    """An open file from its start, in pieces, wherever it stands."""
    at = 0
    while piece := os.pread(descriptor, _PIECE, at):
        yield piece
        at += len(piece)


class Content:
    """The content of an open document at one moment."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._state = _state(descriptor)
        self.size = self._state[0]
        self.digest = self._hashed()
        """SHA-256 in hex."""

    def must_be_the_same(self) -> None:
        """Raise DocumentError `document.changed` when the file was written to since it was hashed."""
        if _state(self.descriptor) != self._state:
            raise DocumentError(
                "document.changed",
                "it was written to while it was read, so what was judged is not what is there",
                hint="check it again when it is written",
            )

    def _hashed(self) -> str:
        digest = hashlib.sha256()
        for piece in pieces(self.descriptor):
            digest.update(piece)
        return digest.hexdigest()


def digest_of(descriptor: int) -> str:
    """SHA-256 of an open file, hex."""
    return Content(descriptor).digest


def _state(descriptor: int) -> tuple[int, int, int]:
    found = os.fstat(descriptor)
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns
