"""JSON and JSON lines: every string and number, behind the key that names it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from guarita.pii.documents.decode import decoded, text_pieces
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

BLOCK: Final = 1 << 16
"""Characters of lines that are looked at together."""


class Number(str):
    """A number as it is written: no digit of it is lost."""

    __slots__ = ()


class Pairs(list[tuple[str, Any]]):
    """An object with all its pairs: a key may stand twice, and readers differ on which counts."""


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=Pairs, parse_int=Number, parse_float=Number, parse_constant=Number, strict=False
)


class JsonLinesExtractor(Extractor):
    """Reads one JSON value a line."""

    kind = "jsonl"

    def blocks(self, source: Source, limits: Limits) -> Iterator[Block]:
        """Blocks of records."""
        leaves = Leaves(limits)
        with source.open() as stream:
            for number, line in enumerate(lines(text_pieces(stream), limits), start=1):
                if line.strip():
                    leaves.add(parsed(line, f"line {number}"), Place(line=number))
                if leaves.length >= BLOCK:
                    yield leaves.block()
                    leaves = Leaves(limits)
        yield leaves.block()


class JsonExtractor(Extractor):
    """Reads one JSON value. It is held in memory, and its places are those of the whole."""

    kind = "json"

    def blocks(self, source: Source, limits: Limits) -> Iterator[Block]:
        """One block."""
        leaves = Leaves(limits)
        text = decoded(source.read(limits.container_bytes))
        leaves.add(parsed(text, "the document"), Place())
        yield leaves.block()


def lines(pieces: Iterable[str], limits: Limits) -> Iterator[str]:
    """Lines with their ends. Raises DocumentError for one that is too large to be held."""
    rest: list[str] = []
    size = 0
    for piece in pieces:
        first, *others = re.split(r"(?<=\n)", piece)
        rest.append(first)
        size += len(first)
        for other in others:
            yield "".join(rest)
            rest, size = [other], len(other)
        if size > limits.container_bytes:
            raise too_large(size, limits.container_bytes)
    if size:
        yield "".join(rest)


def parsed(text: str, where: str) -> Any:
    """A JSON value of `Pairs`, lists, strings and `Number`s. Raises DocumentError."""
    try:
        return _DECODER.decode(text.removeprefix("\ufeff"))
    except RecursionError:
        raise too_deep(1000) from None
    except ValueError:
        raise damaged(f"{where} is no JSON") from None


class Leaves:
    """Collects strings and numbers with their keys, as one text."""

    def __init__(self, limits: Limits) -> None:
        self._depth = limits.depth
        self._parts: list[str] = []
        self._spans: list[Span] = []
        self.leaves: list[tuple[str | None, str]] = []
        """(key, text) of each span; a key that is a leaf itself has no key."""
        self.length = 0

    def block(self) -> Block:
        """The text, a span for each leaf."""
        return Block("".join(self._parts), tuple(self._spans))

    def add(self, value: Any, place: Place) -> None:
        """Every leaf, in order; a stack instead of recursion, with a bound on its depth."""
        stack: list[tuple[Any, str, int]] = [(value, "", 0)]
        while stack:
            item, key, depth = stack.pop()
            if depth > self._depth:
                raise too_deep(self._depth)
            if isinstance(item, Pairs):
                for name, inner in reversed(item):
                    stack.append((inner, name, depth + 1))
                # A key may be a datum itself.
                for name, _ in item:
                    self._leaf(None, name, place)
            elif isinstance(item, list):
                stack += ((inner, key, depth + 1) for inner in reversed(item))
            elif isinstance(item, str):
                self._leaf(key, str(item), place)
        self._parts.append("\n")
        self.length += 1

    def _leaf(self, key: str | None, text: str, place: Place) -> None:
        label = f"{key}: " if key else ""
        start = self.length + len(label)
        self._parts += (label, text, "\n")
        self._spans.append(Span(start, start + len(text), place))
        self.leaves.append((key, text))
        self.length = start + len(text) + 1
