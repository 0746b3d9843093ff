"""JSON and JSON lines: every string and number, behind the key that names it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from guarita.pii.documents.decode import decoded, encoding
from guarita.pii.documents.interface import (
    Block,
    Extractor,
    Limits,
    Place,
    Source,
    Span,
    damaged,
    too_deep,
    too_large,
)

_BLOCK = 1 << 16


class JsonLinesExtractor(Extractor):
    """Reads one JSON value a line."""

    kind = "jsonl"

    def blocks(self, source: Source, limits: Limits) -> Iterator[Block]:
        """Blocks of records."""
        builder = _Builder()
        with source.open() as stream:
            for number, line in enumerate(_lines(stream, source, limits), start=1):
                if line.strip():
                    builder.add(_parse(line, f"line {number}"), Place(line=number), limits)
                if builder.length >= _BLOCK:
                    yield builder.block()
                    builder = _Builder()
        yield builder.block()


class JsonExtractor(Extractor):
    """Reads one JSON value. It is held in memory, and its places are those of the whole."""

    kind = "json"

    def blocks(self, source: Source, limits: Limits) -> Iterator[Block]:
        """One block."""
        builder = _Builder()
        text = decoded(source.read(limits.container_bytes))
        builder.add(_parse(text.removeprefix("\ufeff"), "the document"), Place(), limits)
        yield builder.block()


def _lines(stream: BinaryIO, source: Source, limits: Limits) -> Iterator[str | bytes]:
    if encoding(source.head()) != "utf-8":
        yield from decoded(source.read(limits.container_bytes)).removeprefix("\ufeff").split("\n")
        return
    while line := stream.readline(limits.container_bytes):
        if len(line) >= limits.container_bytes:
            raise too_large(len(line), limits.container_bytes)
        yield line


def _parse(text: str | bytes, where: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise too_deep(1000) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise damaged(f"{where} is no JSON") from None


class _Builder:
    """Collects strings and numbers with their keys."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.spans: list[Span] = []
        self.length = 0

    def block(self) -> Block:
        return Block("".join(self.parts), tuple(self.spans))

    def add(self, value: Any, place: Place, limits: Limits) -> None:
        """Every leaf, in order; a stack instead of recursion, with a bound on its depth."""
        stack: list[tuple[Any, str, int]] = [(value, "", 0)]
        while stack:
            item, key, depth = stack.pop()
            if depth > limits.depth:
                raise too_deep(limits.depth)
            if isinstance(item, dict):
                for name, inner in reversed(item.items()):
                    stack.append((inner, name, depth + 1))
                # A key may be a datum itself.
                for name in item:
                    self._leaf(name, "", place)
            elif isinstance(item, list):
                stack += ((inner, key, depth + 1) for inner in reversed(item))
            elif isinstance(item, str) or (isinstance(item, int | float) and not isinstance(item, bool)):
                self._leaf(str(item), key, place)
        self.parts.append("\n")
        self.length += 1

    def _leaf(self, text: str, key: str, place: Place) -> None:
        label = f"{key}: " if key else ""
        start = self.length + len(label)
        self.parts += (label, text, "\n")
        self.spans.append(Span(start, start + len(text), place))
        self.length = start + len(text) + 1
