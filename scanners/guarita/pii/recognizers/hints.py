"""Hints: cheap patterns that say where an expensive one may match, looked for all at once, so that prose costs little."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from guarita.pii.fold import unaccented


@dataclass(frozen=True)
class Hint:
    """Where a recognizer looks: around every match of a cheap pattern.

    `pattern` is in the syntax that RE2, Hyperscan and `re` share, without lookaround, and sees ASCII alone:
    accents are taken off before, and what then is no ASCII is a `?`. A match of any of the recognizer's
    patterns lies within `left` characters before a hint's start and `right` after its end.
    """

    pattern: str
    left: int
    right: int


_BEFORE: Final = 48
"""Characters before a label that stands in brackets behind its value."""
NUMBER: Final = Hint(r"[0-9](?:[ .\-/()]{0,3}[0-9]){6,}", 4, 4)
"""Seven digits or more, with what may stand between them. All number recognizers share its windows."""


def beside(labels: Iterable[str], right: int) -> Hint:
    """The hint of a recognizer that looks beside its labels only, `right` characters after them."""
    words = sorted({label.split()[0] for label in labels})
    return Hint(f"(?i:{'|'.join(map(re.escape, words))})", _BEFORE, right)


def view(text: str) -> bytes:
    """A text as hints see it: one byte for each character."""
    return unaccented(text).encode("ascii", "replace")


def windows(hint: Hint, seen: bytes) -> tuple[tuple[int, int], ...]:
    """The stretches of a text in which patterns with this hint may match, in order, without overlaps."""
    merged: list[tuple[int, int]] = []
    for match in _compiled(hint.pattern).finditer(seen):
        start, end = max(0, match.start() - hint.left), min(len(seen), match.end() + hint.right)
        if merged and start <= merged[-1][1]:
            start, before = merged.pop()
            end = max(end, before)
        merged.append((start, end))
    return tuple(merged)


@cache
def _compiled(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode("ascii"))
