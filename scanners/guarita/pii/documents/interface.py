"""The seam between documents and detection: what an extractor takes, gives and may refuse."""

from __future__ import annotations

import abc
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import msgspec

from guarita.errors import GuaritaError

MiB = 1024 * 1024


class DocumentError(GuaritaError):
    """A document that cannot be read to its end, so that nobody knows what stands in it.

    Codes: `document.encrypted`, `document.damaged`, `document.bomb`, `document.too-large`,
    `document.too-deep`, `document.binary`, `document.unsupported`, `document.no-text`. The message never
    holds anything of the content.
    """


@dataclass(frozen=True)
class Limits:
    """Bounds on what reading one document may cost."""

    container_bytes: int = 256 * MiB
    """Size of a file that must be held in memory: PDF, DOCX, XLSX, ODS, HTML, JSON."""
    expanded_bytes: int = 512 * MiB
    """Size of everything in an archive, expanded."""
    ratio: int = 250
    """How many times an entry of an archive may grow, once it is larger than 1 MiB."""
    entries: int = 20_000
    """Entries of an archive."""
    pages: int = 10_000
    """Pages of a PDF."""
    cells: int = 20_000_000
    """Rows times columns of a sheet."""
    depth: int = 200
    """Nesting of elements, objects or arrays."""
    nested: int = 3
    """Files within files."""
    field_characters: int = MiB
    """Characters of one cell."""


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Source:
    """A document as bytes: a file, or what was received."""

    name: str
    """Its file name; the ending is a hint, the content decides."""
    path: Path | None = None
    data: bytes = field(default=b"", repr=False)
    descriptor: int | None = None
    """An open file, where there is one: it is read by position, and stays open."""

    @property
    def size(self) -> int:
        """Bytes."""
        if self.descriptor is not None:
            return os.fstat(self.descriptor).st_size
        return len(self.data) if self.path is None else self.path.stat().st_size

    @property
    def suffix(self) -> str:
        """The ending of the name in lower case, with its dot."""
        return Path(self.name).suffix.lower()

    def open(self) -> BinaryIO:
        """A new stream from the start."""
        if self.descriptor is not None:
            return io.BufferedReader(_Positioned(self.descriptor), 1 << 18)
        return io.BytesIO(self.data) if self.path is None else self.path.open("rb")

    def head(self, size: int = 8192) -> bytes:
        """The first bytes."""
        with self.open() as stream:
            return stream.read(size)

    def read(self, limit: int) -> bytes:
        """The whole. Raises DocumentError `document.too-large` above `limit` bytes."""
        if self.size > limit:
            raise too_large(self.size, limit)
        with self.open() as stream:
            return stream.read(limit + 1)


class _Positioned(io.RawIOBase):
    """An open file read from a position of its own, so that several streams do not move each other."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position}.get(whence)
        self._position = max(0, offset + (os.fstat(self._descriptor).st_size if start is None else start))
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        size = os.preadv(self._descriptor, [buffer], self._position)
        self._position += size
        return size


def too_large(size: int, limit: int) -> DocumentError:
    """The refusal of a document for its size, both in bytes."""
    return DocumentError(
        "document.too-large",
        f"{size / MiB:.0f} MiB is more than the {limit / MiB:.0f} MiB that are read of this kind of document",
        hint="split it, or raise the limit",
    )


def damaged(what: str) -> DocumentError:
    """The refusal of a document whose structure is broken; `what` says which part, without content."""
    return DocumentError(
        "document.damaged", f"it is damaged: {what}", hint="open it in its own program and save it again"
    )


def too_deep(limit: int) -> DocumentError:
    """The refusal of a document nested deeper than `limit`."""
    return DocumentError("document.too-deep", f"it is nested deeper than {limit} levels")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where something stands. Lines and columns count from 1; 0 means that they mean nothing here."""

    line: int = 0
    column: int = 0
    label: str = ""
    """Where lines mean little: `page 3`, `sheet 2, row 17, column C`. Never holds anything of the content."""


class Span(msgspec.Struct, frozen=True):
    """A stretch of a block's text that is the document's own, and where it starts in the document."""

    start: int
    end: int
    place: Place
    column: int = -1
    """In a table: which column it is a cell of, counted from 0. Headers belong to none."""


class Origin(msgspec.Struct, frozen=True):
    """Where a stretch of a block's text stands in the raw text of its part, for whoever changes it there."""

    start: int
    end: int
    low: int
    high: int
    form: str = "text"
    """How it is written there: `text` between tags, `attribute`, or `raw` without escapes."""
    verbatim: bool = True
    """Whether it stands there character by character. Otherwise it is rewritten as a whole."""


class Block(msgspec.Struct, frozen=True):
    """A piece of text to look at.

    What stands outside the spans is there to be read with them: the column's header before a cell, the
    text before and after where a long document was cut. Spans are in order and do not overlap.
    """

    text: str
    spans: tuple[Span, ...]
    table: str = ""
    """Which table of the document its spans are cells of."""
    unread: str = ""
    """What stands here and is not read, by kind: `picture`. Such a block has no text."""
    origins: tuple[Origin, ...] = ()
    """Where its text comes from, in the formats that are changed in their raw text; in order."""

    def place(self, position: int) -> Place | None:
        """Where a position of the text stands in the document; None outside the spans."""
        low, high = 0, len(self.spans)
        while low < high:
            middle = (low + high) // 2
            if self.spans[middle].end <= position:
                low = middle + 1
            else:
                high = middle
        if low == len(self.spans) or self.spans[low].start > position:
            return None
        span = self.spans[low]
        if not span.place.line:
            return span.place
        lines = self.text.count("\n", span.start, position)
        line_start = self.text.rfind("\n", span.start, position) + 1
        if not span.place.column:
            column = 0
        elif lines:
            column = position - line_start + 1
        else:
            column = span.place.column + position - span.start
        return Place(line=span.place.line + lines, column=column, label=span.place.label)


class Extractor(abc.ABC):
    """Reads one kind of document. It has no state."""

    kind: ClassVar[str]
    """`pdf`, `docx`, …"""

    @abc.abstractmethod
    def blocks(self, source: Source, limits: Limits) -> Iterator[Block]:
        """The text of a document, in order, every part of it.

        Raises DocumentError when it cannot be read to its end within the limits; what was given before
        that is still true.
        """
