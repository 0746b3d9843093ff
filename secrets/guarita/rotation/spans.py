"""Times in words, for a person."""

from __future__ import annotations

import datetime as dt


def span(seconds: float) -> str:
    """A time that passes, in the largest unit that says it."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def day(at: float | None) -> str:
    """A moment, to the minute, in UTC."""
    return "" if at is None else dt.datetime.fromtimestamp(at, tz=dt.UTC).strftime("%Y-%m-%d %H:%M")
