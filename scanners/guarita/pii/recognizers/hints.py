"""Hints: cheap patterns that say where an expensive one may match, so that prose costs little."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final


@dataclass(frozen=True)
class Hint:
    """Where a recognizer looks: around every match of a cheap pattern.

    A match of any of its patterns lies within `left` characters before a hint's start and `right` after
    its end.
    """

    regex: re.Pattern[str]
    left: int
    right: int


NUMBER: Final = Hint(re.compile(r"[0-9](?:[ .\-/()]{0,3}[0-9]){6,}"), 4, 4)
"""Seven digits or more, with what may stand between them. All number recognizers share its windows."""


@lru_cache(maxsize=2)
def windows(hint: Hint, text: str) -> tuple[tuple[int, int], ...]:
    """The stretches of a text in which patterns with this hint may match, in order, without overlaps."""
    merged: list[tuple[int, int]] = []
    for match in hint.regex.finditer(text):
        start, end = max(0, match.start() - hint.left), min(len(text), match.end() + hint.right)
        if merged and start <= merged[-1][1]:
            start = merged.pop()[0]
        merged.append((start, end))
    return tuple(merged)
