"""Documents on disk, and on standard input."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from guarita.errors import UsageError
from guarita.pii.documents import Source
from guarita.pii.documents.claims import is_document
from guarita.pii.documents.interface import too_large
from guarita.pii.places.interface import Item

_HEAD: Final = 8192
_PIECE: Final = 1 << 20


@dataclass(frozen=True)
class FileItem:
    """A file. What is named is checked whatever it is; in a folder only documents are."""

    path: Path
    root: Path | None = None
    """The folder that it was found in."""

    @property
    def reference(self) -> str:
        return str(self.path)

    @contextlib.contextmanager
    def opened(self, limit: int) -> Iterator[Source]:  # noqa: ARG002  # the gate knows its size
        yield Source(self.path.name, self.path)


@dataclass(frozen=True)
class StreamItem:
    """Standard input, or another stream that is read once."""

    stream: BinaryIO
    name: str
    reference: str = "-"

    @contextlib.contextmanager
    def opened(self, limit: int) -> Iterator[Source]:
        # On disk and without a name: it may be large, and it ends with this process.
        with tempfile.TemporaryFile() as file:
            size = 0
            while piece := self.stream.read(_PIECE):
                size += len(piece)
                if size > limit:
                    raise too_large(size, limit)
                file.write(piece)
            file.flush()
            yield Source(self.name, descriptor=file.fileno())


@dataclass
class Found:
    """What the files and folders that were named hold."""

    items: list[Item]
    passed_over: int = 0
    """Files in folders that are no documents."""


def found_in(paths: list[Path]) -> Found:
    """The documents of files and folders, in order. Links in folders are not followed, nor hidden names shown.

    Raises UsageError `pii.unreadable` for what is not there.
    """
    answer = Found([])
    for path in paths:
        if not path.is_dir():
            if not os.path.lexists(path):
                raise UsageError("pii.unreadable", f"{path}: no such file or folder")
            answer.items.append(FileItem(path))
            continue
        for folder, folders, names in os.walk(path, onerror=_unreadable):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                file = Path(folder, name)
                if name.startswith(".") or file.is_symlink() or not file.is_file():
                    continue
                if is_document(name, _head(file)):
                    answer.items.append(FileItem(file, path))
                else:
                    answer.passed_over += 1
    return answer


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError as error:
        raise _unreadable(error) from error


def _unreadable(error: OSError) -> UsageError:
    raise UsageError("pii.unreadable", f"{error.filename}: {error.strerror}") from error
