"""The seam between the one pass over the ledger and those who collect from it."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from typing import ClassVar, Final, NamedTuple

from guarita.report.seen import Seen
from guarita.report.tally import DAY_MS

AHEAD: Final = 600_000
"""ms that another machine's clock may be ahead of ours before its events lie in the future."""
LEVELS: Final = {1: "info", 2: "low", 3: "medium", 4: "high", 5: "critical", 6: "critical"}


class Window(NamedTuple):
    """The days that are counted."""

    first: int
    """A number of days since the epoch."""
    now: int
    """ms since the epoch."""

    @property
    def last(self) -> int:
        """The day of `now`."""
        return self.now // DAY_MS

    @classmethod
    def ending(cls, now: int, days: int) -> Window:
        """So many days, of which today is the last."""
        return cls(now // DAY_MS - days + 1, now)

    def holds(self, time: int) -> bool:
        """Whether a time lies on a day that is counted."""
        return self.first <= time // DAY_MS and time <= self.now + AHEAD

    def day(self, time: int) -> int:
        """The day of a time that lies in the window."""
        return min(time // DAY_MS, self.last)


class Collector(abc.ABC):
    """Sees every event of its classes once, in the order of the log, and keeps a bounded summary.

    `take` raises msgspec.ValidationError for an event that is not formed as we write them; it is counted then as one
    that could not be read. What it took until then must be whole: decode first, count after.
    """

    classes: ClassVar[Iterable[int]]
    """Of OCSF."""

    @abc.abstractmethod
    def take(self, index: int, event: Seen, window: Window) -> None:
        """Take an event."""


def level(severity_id: int) -> str:
    """Our level for OCSF's number. What nobody has rated may be the worst."""
    return LEVELS.get(severity_id, "critical")
