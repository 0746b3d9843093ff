"""Counting in bounded memory, whatever names an attacker invents."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from guarita.report.interface import Count, DayCount, Ranking

CAPACITY: Final = 1_000
"""Names that are surely told apart."""
TOP: Final = 10
DAY_MS: Final = 86_400_000
LONGEST: Final = 200
"""Characters of a name that are kept; two names that differ only beyond are one."""
EPOCH: Final = dt.date(1970, 1, 1)


class Tally:
    """The most frequent names. At twice `capacity` names the rarer half is forgotten, into `others`.

    Its memory is O(capacity), each addition O(log capacity) on average. A name that was forgotten and comes back is counted
    from there, so then counts are lower bounds (as in lossy counting, Manku and Motwani 2002).
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._counts: Counter[str] = Counter()
        self._forgotten = 0

    def add(self, name: str, count: int = 1) -> None:
        """Count a name."""
        counts = self._counts
        counts[name[:LONGEST]] += count
        if len(counts) > 2 * self._capacity:
            kept = Counter(dict(counts.most_common(self._capacity)))
            self._forgotten += counts.total() - kept.total()
            self._counts = kept

    def ranking(self, top: int = TOP, *, shown: Callable[[str], str] = str) -> Ranking:
        """The first few."""
        counts = self._counts
        total = counts.total() + self._forgotten
        listed = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:top]
        return Ranking(
            top=[Count(name=shown(name), count=count) for name, count in listed],
            total=total,
            others=total - sum(count for _, count in listed),
            exact=not self._forgotten,
        )


class Days:
    """Counts by day within a window that ends today. Whoever adds has seen that the day lies in it."""

    def __init__(self) -> None:
        self._counts: dict[int, Counter[str]] = {}

    def add(self, day: int, name: str, count: int = 1) -> None:
        """Count a name on a day, which is a number of days since the epoch."""
        found = self._counts.get(day)
        if found is None:
            found = self._counts[day] = Counter()
        found[name] += count

    def listed(self, first: int, last: int) -> list[DayCount]:
        """Every day of the window, those without anything too; forgets what lies before."""
        for day in [day for day in self._counts if day < first]:
            del self._counts[day]
        return [
            DayCount(day=iso(day), counts=dict(sorted(self._counts.get(day, {}).items())))
            for day in range(first, last + 1)
        ]

    def totals(self, first: int, last: int) -> Mapping[str, int]:
        """The sum over the window, by name."""
        total: Counter[str] = Counter()
        for day, counts in self._counts.items():
            if first <= day <= last:
                total.update(counts)
        return total


def iso(day: int) -> str:
    """The date of a day since the epoch."""
    return (EPOCH + dt.timedelta(days=day)).isoformat()
