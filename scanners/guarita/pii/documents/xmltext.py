"""Text out of XML from strangers: a stream of events, without a tree, document types or entities."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol
from xml.parsers import expat  # document types are refused below, and nesting is bounded

from guarita.pii.documents.fragments import Fragment
from guarita.pii.documents.interface import Limits, damaged, too_deep

_ATTRIBUTE: Final = re.compile(rb"""\s([^\s=/>]+)\s*=\s*("[^"]*"|'[^']*')""")

_TAG: Final = re.compile(rb"""<[^"'>]*(?:"[^"]*"[^"'>]*|'[^']*'[^"'>]*)*>""")


class Handler(Protocol):
    """What a reader of one XML format does at each event. Names come without their namespace."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element starts."""

    def end(self, name: str) -> None:
        """An element ends."""

    def text(self, text: str) -> None:
        """Characters between tags."""


def parse(
    pieces: Iterable[bytes], handler: Handler, limits: Limits, part: str, raw: bytes | None = None
) -> None:
    """Feed XML to a handler.

    `part` is what to call it in an error. With `raw`, the same bytes as a whole in UTF-8, texts, values of
    attributes and names of elements are `Fragment`s with their places in it. Raises DocumentError: `document.damaged` where it is no
    XML or declares a document type (office formats have none, and entities are how XML grows),
    `document.too-deep`.
    """
    parser = expat.ParserCreate(namespace_separator="}")
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > limits.depth:
            raise too_deep(limits.depth)
        named: Mapping[str, str] = attributes
        if raw is not None:
            named = _placed(attributes, raw, parser.CurrentByteIndex)
        handler.start(element(name), {local(key): value for key, value in named.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        handler.end(element(name))

    def element(name: str) -> str:
        if raw is None:
            return local(name)
        return Fragment.at(local(name), parser.CurrentByteIndex, parser.CurrentByteIndex)

    def text(found: str) -> None:
        handler.text(found if raw is None else _text(found, raw, parser.CurrentByteIndex))

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = _refuse(part)
    # With places each text must be told where it begins.
    parser.buffer_text = raw is None
    try:
        for piece in pieces:
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise damaged(f"{part} is no XML (line {error.lineno})") from None


def local(name: str) -> str:
    """A name without its namespace."""
    return name.rpartition("}")[2]


def tag_end(raw: bytes, low: int) -> int:
    """Where the tag ends that begins at `low`; a `>` within quotes ends nothing."""
    match = _TAG.match(raw, low)
    return match.end() if match else raw.index(b">", low) + 1


def _text(found: str, raw: bytes, low: int) -> Fragment:
    written = found.encode("utf-8", "surrogatepass")
    if raw.startswith(written, low):
        return Fragment.at(found, low, low + len(written))
    if raw.startswith(b"&", low):
        return Fragment.at(found, low, raw.index(b";", low) + 1, verbatim=False)
    # An end of line, which XML reads as one line feed.
    return Fragment.at(found, low, low + (2 if raw.startswith(b"\r\n", low) else 1), verbatim=False)


def _placed(attributes: Mapping[str, str], raw: bytes, low: int) -> dict[str, Fragment | str]:
    """Values of attributes with their places, quotes included. They come in the order in which they stand."""
    if not attributes:
        return {}
    spans = [
        match.span(2)
        for match in _ATTRIBUTE.finditer(raw, low, tag_end(raw, low))
        if match[1] != b"xmlns" and not match[1].startswith(b"xmlns:")
    ]
    return {
        name: Fragment.at(value, *span, form="attribute", verbatim=False)
        for (name, value), span in zip(attributes.items(), spans, strict=True)
    }


def _refuse(part: str) -> Callable[..., None]:
    def refuse(*_: object) -> None:
        raise damaged(f"{part} declares a document type")

    return refuse
