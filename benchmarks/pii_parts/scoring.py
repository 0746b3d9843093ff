"""Precision, recall, F1 and F2 by type, over spans that overlap.

A span that was found counts when it overlaps one of its type that is there, and a span that is there counts
as found when one of its type overlaps it: how presidio-research and most redactors count, since an address
that is covered is covered whether its postal code is a span of its own or not. What is stricter is given
beside it: spans that agree by half at least (intersection over union), and characters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Span = tuple[int, int, str]


@dataclass
class Count:
    """What was right, and what was not."""

    right: int = 0
    """Of the spans found."""
    wrong: int = 0
    found: int = 0
    """Of the spans that are there."""
    missed: int = 0

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 0.0

    @property
    def recall(self) -> float:
        return self.found / (self.found + self.missed) if self.found + self.missed else 0.0

    def f(self, beta: float = 1.0) -> float:
        both = beta**2 * self.precision + self.recall
        return (1 + beta**2) * self.precision * self.recall / both if both else 0.0


@dataclass
class Score:
    """The counts of a set, by type and over all."""

    total: Count = field(default_factory=Count)
    types: dict[str, Count] = field(default_factory=lambda: defaultdict(Count))


def score(texts: Iterable[tuple[Sequence[Span], Sequence[Span]]], least: float = 0.0) -> Score:
    """Count over (spans that are there, spans found) of each text; `least` is the overlap that is asked for."""
    result = Score()
    for there, found in texts:
        for span in found:
            hit = any(_agree(span, other, least) for other in there)
            for count in (result.total, result.types[span[2]]):
                count.right += hit
                count.wrong += not hit
        for span in there:
            hit = any(_agree(span, other, least) for other in found)
            for count in (result.total, result.types[span[2]]):
                count.found += hit
                count.missed += not hit
    return result


def _agree(one: Span, other: Span, least: float) -> bool:
    shared = min(one[1], other[1]) - max(one[0], other[0])
    union = max(one[1], other[1]) - min(one[0], other[0])
    return one[2] == other[2] and shared > 0 and shared >= least * union


def characters(texts: Iterable[tuple[Sequence[Span], Sequence[Span]]]) -> Count:
    """Count characters of whatever type: how much of what is personal is covered, and how much else."""
    count = Count()
    for there, found in texts:
        real = {at for start, end, _ in there for at in range(start, end)}
        seen = {at for start, end, _ in found for at in range(start, end)}
        shared = len(real & seen)
        count.right += shared
        count.found += shared
        count.wrong += len(seen - real)
        count.missed += len(real - seen)
    return count
