"""Maintenance windows: when rotations may begin and consumers may be restarted."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Iterable, Iterator
from typing import Final

from guarita.config.rotation import WindowSection

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK: Final = 8


def is_open(windows: Iterable[WindowSection], at: float) -> bool:
    """Whether any window is open at a time, in seconds since the epoch; always, where there are none."""
    windows = list(windows)
    return not windows or any(
        start <= at < end for window in windows for start, end in _spans(window, at, back=1, on=1)
    )


def opens(windows: Iterable[WindowSection], at: float) -> float:
    """When the next window opens: `at` itself while one is open."""
    windows = list(windows)
    if is_open(windows, at):
        return at
    return min(start for window in windows for start, _ in _spans(window, at, back=0, on=_WEEK) if start > at)


def _spans(window: WindowSection, at: float, *, back: int, on: int) -> Iterator[tuple[float, float]]:
    """Begin and end of the window on the days around a time, by the wall clock of its time zone."""
    zone = zoneinfo.ZoneInfo(window.timezone)
    today = dt.datetime.fromtimestamp(at, tz=zone).date()
    start, end = dt.time.fromisoformat(window.start), dt.time.fromisoformat(window.end)
    for offset in range(-back, on + 1):
        day = today + dt.timedelta(days=offset)
        if _DAYS[day.weekday()] not in window.days:
            continue
        last = day if end > start else day + dt.timedelta(days=1)
        yield (
            dt.datetime.combine(day, start, tzinfo=zone).timestamp(),
            dt.datetime.combine(last, end, tzinfo=zone).timestamp(),
        )
