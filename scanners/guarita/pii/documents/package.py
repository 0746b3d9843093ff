"""What the parts of an office file are: text in XML, pictures, files within the file, objects that nobody reads."""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Iterator
from typing import Final

from guarita.pii.documents.archive import Archive
from guarita.pii.documents.interface import Block, DocumentError, Limits, Place, Source, Span


class Part(enum.Enum):
    """A kind of part."""

    XML = "xml"
    PICTURE = "picture"
    FILE = "file"
    """A file of its own, which may be a document."""
    OBJECT = "object"
    """Code, or data of another program."""
    FORM = "form"
    """Fonts, printers' settings: how it looks."""


_PICTURES: Final = re.compile(
    r"\.(?:bmp|dib|emf|emz|gif|heic|ico|jfif|jpe|jpeg|jpg|jxr|pcx|pict|png|tga|tif|tiff|wdp|webp|wmf|wmz)$"
)
_FORM: Final = re.compile(
    r"^mimetype$|^configurations2/|\.rdf$|\.(?:fntdata|odttf|otf|ttf)$|(?:^|/)printersettings[^/]*\.bin$|^thumbs\.db$"
)
_OBJECTS: Final = re.compile(
    r"(?:^|/)(?:vba[^/]*|activex[^/]*|oleobject[^/]*|ctrlprop[^/]*)\.bin$|\.(?:ole|bin)$"
)
_UNREADABLE: Final = frozenset(
    {"document.binary", "document.unsupported", "document.encrypted", "document.damaged", "document.no-text"}
)


def part_kind(name: str) -> Part:
    """What a part is, by its name."""
    low = name.lower()
    if low.endswith((".xml", ".rels", ".vml", ".svg")):
        return Part.XML
    if _PICTURES.search(low):
        return Part.PICTURE
    if _FORM.search(low):
        return Part.FORM
    return Part.OBJECT if _OBJECTS.search(low) else Part.FILE


def beside(archive: Archive, limits: Limits) -> Iterator[Block]:
    """What an office file holds beside its XML: files within it are read, the rest is told of.

    Raises DocumentError for a bomb, and for files within files within files beyond the limit.
    """
    number = 0
    for name in archive.names:
        kind = part_kind(name)
        if kind is Part.PICTURE:
            yield unread("picture")
        elif kind is Part.OBJECT:
            yield unread("object")
        elif kind is Part.FILE:
            number += 1
            yield from nested(Source(name, data=archive.read(name)), f"embedded file {number}", limits)


def nested(source: Source, where: str, limits: Limits) -> Iterator[Block]:
    """The blocks of a file within a file, placed by `where`; told of as unread where nobody can read it."""
    from guarita.pii.documents import blocks  # noqa: PLC0415  # it stands on this module

    if limits.nested < 1:
        raise DocumentError(
            "document.too-deep", "it holds files within files within files, deeper than is read"
        )
    inner = dataclasses.replace(limits, nested=limits.nested - 1)
    try:
        for block in blocks(source, inner):
            yield _placed(block, where)
    except DocumentError as error:
        if error.code not in _UNREADABLE:
            raise
        yield unread("object")


def unread(kind: str) -> Block:
    """A block that says that there is something nobody reads."""
    return Block("", (), unread=kind)


def _placed(block: Block, where: str) -> Block:
    spans = tuple(Span(span.start, span.end, _within(span.place, where), span.column) for span in block.spans)
    table = f"{where}, {block.table}" if block.table else ""
    return Block(block.text, spans, table, block.unread)


def _within(place: Place, where: str) -> Place:
    label = place.label or (f"line {place.line}" if place.line else "")
    return Place(label=f"{where}, {label}" if label else where)
