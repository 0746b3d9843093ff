"""Pieces of text that remember where in the raw text they stand, so that they can be changed there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from guarita.pii.documents.interface import Origin


class Fragment(str):
    """A text with its place in the raw bytes of its part: `raw[low:high]`."""

    __slots__ = ("form", "high", "low", "verbatim")

    low: int
    high: int
    form: str
    verbatim: bool

    @classmethod
    def at(cls, text: str, low: int, high: int, *, form: str = "text", verbatim: bool = True) -> Fragment:
        """A text at a place."""
        made = cls(text)
        made.low, made.high, made.form, made.verbatim = low, high, form, verbatim
        return made


def origins(pieces: Iterable[str], start: int) -> Iterator[Origin]:
    """Where the pieces of a text come from that begins at `start` of a block; pieces without a place have none."""
    for piece in pieces:
        end = start + len(piece)
        if isinstance(piece, Fragment) and piece:
            yield Origin(start, end, piece.low, piece.high, piece.form, piece.verbatim)
        start = end


def place(name: str) -> int:
    """Where the tag of an element begins whose name was given with its place; -1 without one."""
    return name.low if isinstance(name, Fragment) else -1
