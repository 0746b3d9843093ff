"""Names of countries, states and cities, looked up word by word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from guarita.pii.names import vocabulary
from guarita.pii.names.tokens import Token

_LONGEST = 6
"""Tokens of a name at most."""
Key = tuple[str, ...]


@dataclass(frozen=True)
class Gazetteer:
    """Names by their first words."""

    names: Mapping[str, tuple[Key, ...]]
    """First word -> names as words, the longest first."""

    def find(self, tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
        """Where a name stands, as the numbers of its first token and of the one after it; no overlaps."""
        at = 0
        while at < len(tokens):
            end = self._match(tokens, at) if tokens[at].letters and tokens[at].capital else 0
            if end:
                yield at, end
            at = end or at + 1

    def _match(self, tokens: Sequence[Token], at: int) -> int:
        for name in self.names.get(tokens[at].plain, ()):
            end = at + len(name)
            if (
                tuple(token.plain for token in tokens[at:end]) == name
                and tokens[at].line == tokens[end - 1].line
            ):
                return end
        return 0


@cache
def countries() -> Gazetteer:
    """Countries, and states of Brazil and the United States, in Portuguese and English."""
    return _read("places.txt")


@cache
def cities() -> Gazetteer:
    """Cities of the world, those of Brazil and Portugal down to small ones (GeoNames, CC BY 4.0)."""
    return _read("cities.txt")


def _read(name: str) -> Gazetteer:
    found: dict[str, list[Key]] = {}
    for line in (files(__package__) / "data" / name).read_text("utf-8").splitlines():
        if line and line[0] != "#":
            key = tuple(vocabulary.folded(word) for word in vocabulary.TOKEN.findall(line))
            if len(key) <= _LONGEST:
                found.setdefault(key[0], []).append(key)
    return Gazetteer({first: tuple(sorted(keys, key=len, reverse=True)) for first, keys in found.items()})
