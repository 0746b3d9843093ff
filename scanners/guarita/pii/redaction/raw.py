"""Edits of a block's text carried out in the raw text that it was read from: HTML, or a part of an office file."""

from __future__ import annotations

import html
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from guarita.pii.documents import Block
from guarita.pii.documents.interface import Origin
from guarita.pii.redaction.interface import Edit


class Change(NamedTuple):
    """A stretch of the raw text, and what stands there afterwards."""

    low: int
    high: int
    text: str


Width = Callable[[str], int]
"""How long a text is in the raw text: characters, or bytes."""


def changes(block: Block, edits: Sequence[Edit], width: Width = len) -> Iterator[Change]:
    """The same edits in the raw text. Several edits of what is rewritten as a whole are one change."""
    starts = [origin.start for origin in block.origins]
    pending: dict[int, list[Edit]] = {}
    for edit in edits:
        number = max(0, bisect_right(starts, edit.start) - 1)
        text = edit.text
        while number < len(block.origins) and starts[number] < edit.end:
            origin = block.origins[number]
            start, end = max(edit.start, origin.start), min(edit.end, origin.end)
            if start < end:
                pending.setdefault(number, []).append(Edit(start, end, text))
                # The mark stands once, where the datum began.
                text = ""
            number += 1
    for number, within in sorted(pending.items()):
        yield from _changed(block, block.origins[number], within, width)


def _changed(block: Block, origin: Origin, edits: Iterable[Edit], width: Width) -> Iterator[Change]:
    if origin.verbatim:
        for start, end, text in edits:
            low = origin.low + width(block.text[origin.start : start])
            yield Change(low, low + width(block.text[start:end]), escaped(text, origin.form))
        return
    at = origin.start
    parts: list[str] = []
    for start, end, text in edits:
        parts += (block.text[at:start], text)
        at = end
    whole = "".join((*parts, block.text[at : origin.end]))
    yield Change(origin.low, origin.high, escaped(whole, origin.form))


def escaped(text: str, form: str) -> str:
    """A text as it is written between tags, as an attribute with its quotes, or raw."""
    if form == "raw":
        return text
    if form == "attribute":
        return f'"{html.escape(text)}"'
    return html.escape(text, quote=False)


def applied(raw: str, made: Iterable[Change]) -> str:
    """The raw text after changes, whatever their order. What overlaps an earlier one is left out."""
    at = 0
    parts: list[str] = []
    for low, high, text in sorted(made):
        if low < at:
            continue
        parts += (raw[at:low], text)
        at = high
    return "".join((*parts, raw[at:]))


def applied_bytes(raw: bytes, cuts: Iterable[Change], made: Iterable[Change]) -> bytes:
    """Raw UTF-8 after changes. What stands within a cut, or within what an earlier change made, is gone with it."""
    parts: list[bytes] = []
    at = 0
    # At one place a cut goes before a change, and the longest first.
    ranked = [(low, 0, -high, text) for low, high, text in cuts]
    ranked += [(low, 1, -high, text) for low, high, text in made]
    for low, _, high, text in sorted(ranked):
        if low < at:
            continue
        parts += (raw[at:low], text.encode("utf-8", "replace"))
        at = -high
    return b"".join((*parts, raw[at:]))


def utf8_width(text: str) -> int:
    """Bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
