"""A tiny linear model over the letters and neighbours of a word: whether it may be of a name or a place.

Three logistic regressions on hashed features, 2^15 weights of 8 bits each, trained by `training/tagger.py` on
sources whose licences permit it (docs/pii-model.md). It reads a thousand times more text a second than the
model does, and decides where the model reads; where both read, a word that neither its letters nor its
sentence make a name needs more of the model's certainty.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple
from zlib import crc32

from guarita.pii.fold import unaccented
from guarita.pii.names.vocabulary import TOKEN

BITS: Final = 15
MASK: Final = (1 << BITS) - 1
CONTEXT: Final = 7
"""How many of a word's features are about what stands around it; they come first."""
_EDGE: Final = ("^", "^")
_SENTENCE: Final = frozenset(".!?:;")
_LONGEST: Final = 24


class Opinion(NamedTuple):
    """How probable it is that a word belongs to a name of a person, and to an address or a place."""

    person: float
    place: float
    form: float
    """That it is of a name by its letters alone, whatever stands around it."""


class Tagger:
    """The trained weights. Holds nothing else, so it may be shared."""

    def __init__(self, weights: bytes) -> None:
        """Take the weights as `training/tagger.py` writes them: a scale and a bias of each, then the tables."""
        view = memoryview(weights)
        size, count = 1 << BITS, len(Opinion._fields)
        numbers = view[: 8 * count].cast("f")
        self._tables = [
            (
                view[8 * count + at * size : 8 * count + (at + 1) * size].cast("b"),
                numbers[2 * at],
                numbers[2 * at + 1],
            )
            for at in range(count)
        ]

    def opinion(self, features: Sequence[int]) -> Opinion:
        """What the weights say about a word."""
        seen = (features, features, features[CONTEXT:])
        return Opinion(
            *(
                _logistic(sum(map(table.__getitem__, some)) * scale + bias)
                for (table, scale, bias), some in zip(self._tables, seen, strict=True)
            )
        )

    def opinions(self, text: str) -> Iterator[tuple[int, int, Opinion]]:
        """Each word of a text that may be of a name, by its place."""
        for start, end, features in candidates(text):
            yield start, end, self.opinion(features)


def candidates(text: str) -> Iterator[tuple[int, int, list[int]]]:
    """The words that may be of a name, with their features: those with a capital, or all where none has."""
    found = [(match.start(), match.end(), match.group()) for match in TOKEN.finditer(text)]
    cased = any(word[0].isupper() for _, _, word in found)
    known = [_known(word) for _, _, word in found]
    for at, (start, end, word) in enumerate(found):
        if word[0].isalpha() and (word[0].isupper() or not cased):
            yield start, end, _features(text, found, known, at, cased=cased)


def _known(word: str) -> tuple[str, str]:
    plain = unaccented(word).lower()[:_LONGEST]
    if plain[0].isdigit():
        return f"#{len(plain)}", "9"
    return plain, _shape(word)


def _shape(word: str) -> str:
    if not word[0].isalpha():
        return word[0]
    if len(word) == 1:
        return "X" if word.isupper() else "x"
    if word.isupper():
        return "XX"
    if word[0].isupper():
        return "XxX" if any(map(str.isupper, word[1:])) and "-" not in word and "'" not in word else "Xx"
    return "xx"


def _features(
    text: str,
    found: Sequence[tuple[int, int, str]],
    known: Sequence[tuple[str, str]],
    at: int,
    *,
    cased: bool,
) -> list[int]:
    word, shape = known[at]
    before, before_shape = known[at - 1] if at else _EDGE
    second = known[at - 2][0] if at > 1 else "^"
    after, after_shape = known[at + 1] if at + 1 < len(known) else _EDGE
    start = found[at][0]
    line = not at or "\n" in text[found[at - 1][1] : start]
    first = "L" if line else "S" if before in _SENTENCE else "M"
    last = "L" if at + 1 == len(found) or "\n" in text[found[at][1] : found[at + 1][0]] else "M"
    padded = f"^{word}$"
    names = [
        f"h{shape}{cased:d}{first}",
        f"b{before}",
        f"a{after}",
        f"c{second} {before}",
        f"d{before_shape}{shape}{after_shape}{first}{last}",
        f"e{before_shape}{first}",
        f"f{after_shape}{last}",
        # From here on the word alone: see CONTEXT.
        f"l{min(len(word), 9)}{shape}",
        f"w{word}",
        f"p{word[:3]}",
        f"s{word[-3:]}",
        f"t{word[-2:]}",
    ]
    names += (f"g{padded[i : i + 3]}" for i in range(len(padded) - 2))
    names += (f"q{padded[i : i + 4]}" for i in range(len(padded) - 3))
    return [crc32(name.encode("utf-8", "surrogatepass")) & MASK for name in names]


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, value))))


@cache
def tagger() -> Tagger:
    """The tagger that ships in the package."""
    return Tagger((files(__package__) / "data" / "tagger.bin").read_bytes())
