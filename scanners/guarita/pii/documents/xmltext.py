"""Text out of XML from strangers: a stream of events, without a tree, document types or entities."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol
from xml.parsers import expat  # document types are refused below, and nesting is bounded

from guarita.pii.documents.interface import Limits, damaged, too_deep


class Handler(Protocol):
    """What a reader of one XML format does at each event. Names come without their namespace."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element starts."""

    def end(self, name: str) -> None:
        """An element ends."""

    def text(self, text: str) -> None:
        """Characters between tags."""


def parse(pieces: Iterable[bytes], handler: Handler, limits: Limits, part: str) -> None:
    """Feed XML to a handler.

    `part` is what to call it in an error. Raises DocumentError: `document.damaged` where it is no XML or
    declares a document type (office formats have none, and entities are how XML grows),
    `document.too-deep`.
    """
    parser = expat.ParserCreate(namespace_separator="}")
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > limits.depth:
            raise too_deep(limits.depth)
        handler.start(_local(name), {_local(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        handler.end(_local(name))

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = handler.text
    parser.StartDoctypeDeclHandler = _refuse(part)
    parser.buffer_text = True
    try:
        for piece in pieces:
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise damaged(f"{part} is no XML (line {error.lineno})") from None


def _refuse(part: str) -> Callable[..., None]:
    def refuse(*_: object) -> None:
        raise damaged(f"{part} declares a document type")

    return refuse


def _local(name: str) -> str:
    return name.rpartition("}")[2]
