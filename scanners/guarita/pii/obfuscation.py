"""Values written so as to be overlooked, or broken on the way: zero-width signs, spaced digits, misread letters.

Each is put back into a form that the recognizers know, with the place of every character of it in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0]"
)
"""Signs that are not seen: zero width, joiners, marks of direction, variation selectors, the soft hyphen."""
_LIKE_DIGITS: Final = str.maketrans("OoQDlI|iSsBZz", "0000111155822")
"""Letters that a reader of pictures takes digits for."""
_RUN: Final = re.compile(r"(?<![^\W_])[0-9OolI|](?:[ \t\r\n.\-/_,*]{0,4}[0-9OoQDlI|iSsBZz]){8,24}(?![^\W_])")
_SEPARATORS: Final = re.compile(r"[ \t\r\n.\-/_,*]+")
_SPACED: Final = re.compile(r"[0-9][ \t]+[0-9][ \t]+[0-9]")
_LETTER: Final = re.compile(r"[A-Za-z|]")
_LEAST_DIGITS: Final = 0.6
BEFORE: Final = 64
"""Characters before a run that go with it, since its label stands there."""


@dataclass(frozen=True)
class View:
    """A text in another spelling; `places[i]` is where its character `i` stands."""

    text: str
    places: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """A span of the view as one of the text."""
        return self.places[start], self.places[end - 1] + 1


def visible(text: str) -> View | None:
    """The text without what is not seen in it, or None where everything is."""
    if text.isascii() or _INVISIBLE.search(text) is None:
        return None
    places = [at for at, sign in enumerate(text) if not _INVISIBLE.match(sign)]
    return View("".join(text[at] for at in places), places)


def runs(text: str) -> Iterator[tuple[View, int, int]]:
    """Numbers broken over lines, spelled digit by digit or with letters for digits, each with what is before it.

    Gives a view in which the digits stand together, and where they stand in it. Numbers that recognizers see
    as they are are left out.
    """
    for match in _RUN.finditer(text):
        run = match.group()
        letters = len(_LETTER.findall(run))
        if not (letters or "\n" in run or _SPACED.search(run)):
            continue
        kept = [at for at in range(match.start(), match.end()) if _SEPARATORS.fullmatch(text[at]) is None]
        if (len(kept) - letters) / len(kept) < _LEAST_DIGITS:
            continue
        before = range(max(0, match.start() - BEFORE), match.start())
        digits = "".join(text[at] for at in kept).translate(_LIKE_DIGITS)
        view = View(text[before.start : before.stop] + digits, [*before, *kept])
        yield view, len(before), len(view.text)
