"""ZIP archives from strangers: vetted before anything in them is expanded, and bounded while it is."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from guarita.pii.documents.interface import DocumentError, Limits, MiB, Source, damaged

_SMALL = MiB
_ENCRYPTED = 0x1
_PIECE = 1 << 16


class Archive:
    """An archive that has been vetted. Its entries are read by name, never extracted to files."""

    def __init__(self, file: zipfile.ZipFile, limits: Limits) -> None:
        self._file = file
        self._limits = limits
        self._left = limits.expanded_bytes
        self.names = [entry.filename for entry in file.infolist() if not entry.is_dir()]

    def pieces(self, name: str) -> Iterator[bytes]:
        """An entry in pieces, counted against the limit whatever its header says."""
        try:
            with self._file.open(name) as stream:
                while piece := stream.read(_PIECE):
                    self._left -= len(piece)
                    if self._left < 0:
                        raise _bomb("it expands to more than its directory says")
                    yield piece
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError):
            raise damaged("an entry of the archive cannot be read") from None

    def read(self, name: str) -> bytes:
        """An entry as a whole."""
        return b"".join(self.pieces(name))

    def copy(self, wanted: Callable[[str], bool]) -> BinaryIO:
        """A new archive of some entries, stored as vetted here.

        For a library that opens archives itself: it sees what was vetted, not what another reading of the
        same bytes would show.
        """
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as copied:
            for name in self.names:
                if wanted(name):
                    copied.writestr(name, self.read(name))
        target.seek(0)
        return target


@contextmanager
def open_archive(source: Source, limits: Limits) -> Iterator[Archive]:
    """Open and vet an archive.

    Raises DocumentError: `document.damaged`, `document.encrypted`, `document.bomb` (too many entries, too
    much in total, an entry that grows too many times).
    """
    data = source.read(limits.container_bytes)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            _vet(file, limits)
            yield Archive(file, limits)
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError):
        raise damaged("its archive has no valid directory") from None


def _vet(file: zipfile.ZipFile, limits: Limits) -> None:
    entries = file.infolist()
    if len(entries) > limits.entries:
        raise _bomb(f"it holds {len(entries)} entries, where {limits.entries} are read")
    if len({entry.filename for entry in entries}) < len(entries):
        raise damaged("its archive holds one name twice, and readers differ on which counts")
    total = 0
    for entry in entries:
        if entry.flag_bits & _ENCRYPTED:
            raise encrypted()
        total += entry.file_size
        if total > limits.expanded_bytes:
            raise _bomb(f"it expands to more than {limits.expanded_bytes // MiB} MiB")
        if entry.file_size > _SMALL and entry.file_size > limits.ratio * max(1, entry.compress_size):
            raise _bomb(
                f"an entry grows {entry.file_size // max(1, entry.compress_size)} times when expanded"
            )


def encrypted() -> DocumentError:
    """The refusal of a document that needs a password."""
    return DocumentError(
        "document.encrypted",
        "it is encrypted, so its content is unknown",
        hint="store it without a password, or exclude it by a named rule with a reason",
    )


def _bomb(what: str) -> DocumentError:
    return DocumentError("document.bomb", f"{what}: this may be an archive bomb")
