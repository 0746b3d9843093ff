"""Labels: the words beside a value that say what it is."""

from __future__ import annotations

import re
from collections.abc import Iterable

from guarita.pii.fold import unaccented

REACH = 48
"""Characters before a value in which its label may stand."""
_AFTER = 24
_OTHER_VALUE = re.compile(r"\d(?:[.\-/ ]?\d){3,}|\n[ \t]*\n")
_BRACKET = re.compile(r"[ \t]*[(\[]|[ \t]*\t")


class Labels:
    """A set of labels, given without accents: `carteira de habilitacao`. Case does not matter.

    A label is a whole word or phrase; `_` and `-` and a change of line count as spaces do.
    """

    def __init__(self, words: Iterable[str]) -> None:
        phrases = sorted(words, key=len, reverse=True)
        alternatives = "|".join(r"[\s_\-]*".join(map(re.escape, phrase.split())) for phrase in phrases)
        self._pattern = re.compile(rf"(?<![^\W_])(?:{alternatives})(?![^\W_])", re.IGNORECASE)

    def distance(self, text: str, start: int, end: int) -> int | None:
        """Characters between the value `text[start:end]` and the nearest label that speaks for it, or None.

        A label speaks for the next value only: a number of four digits, or an empty line, end its reach.
        After a value it counts in brackets or in the next column.
        """
        before = text[max(0, start - REACH - 1) : start]
        cut = max((match.end() for match in _OTHER_VALUE.finditer(before)), default=0)
        before = before[cut:]
        last = None
        for last in self._pattern.finditer(unaccented(before)):  # noqa: B007  # the last one is wanted
            pass
        if last is not None:
            return len(before) - last.end()
        after = text[end : end + _AFTER]
        opening = _BRACKET.match(after)
        if opening is None:
            return None
        found = self._pattern.match(unaccented(after[opening.end() :]).lstrip())
        return None if found is None else opening.end()
