"""Which alerts are silenced, and until when."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

from guarita.detection.alerts.errors import AlertsUsageError
from guarita.detection.alerts.model import Alert, Line, Silence

GROUP: Final = "group."
NAMES: Final = ("rule", "level", "tag", f"{GROUP}FIELD")


def matchers(texts: Iterable[str]) -> dict[str, str]:
    """`NAME=PATTERN` each, as on the command line. Raises AlertsUsageError `alerts.matcher`."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, pattern = text.partition("=")
        if (
            not equals
            or not pattern
            or not (name in NAMES[:-1] or name.removeprefix(GROUP) not in {name, ""})
        ):
            raise AlertsUsageError(
                "alerts.matcher",
                f"{text!r} is no matcher",
                hint=f"NAME=PATTERN, NAME one of {', '.join(NAMES)}",
            )
        if name in found:
            raise AlertsUsageError("alerts.matcher", f"{name} stands twice: all matchers must hold")
        found[name] = pattern
    if not found:
        raise AlertsUsageError(
            "alerts.matcher", "a silence needs a matcher", hint="rule=* silences every rule"
        )
    return found


def matches(silence: Silence, alert: Line) -> bool:
    """Whether every matcher of the silence holds for the alert."""
    return all(
        any(fnmatchcase(value, pattern) for value in _values(alert, name))
        for name, pattern in silence.matchers.items()
    )


def muted_until(silences: Iterable[Silence], alert: Alert, now: int) -> int | None:
    """Until when (ms) an alert is silenced; None when it is not."""
    ends = [one.until for one in silences if one.since <= now < one.until and matches(one, alert)]
    return max(ends, default=None)


def parted(
    silences: list[Silence], alerts: Iterable[Alert], now: int
) -> tuple[list[Alert], list[tuple[Alert, int]]]:
    """The alerts that may be told of, and those that may not, each with the end of that."""
    audible: list[Alert] = []
    muted: list[tuple[Alert, int]] = []
    for alert in alerts:
        end = muted_until(silences, alert, now)
        if end is None:
            audible.append(alert)
        else:
            muted.append((alert, end))
    return audible, muted


def _values(alert: Line, name: str) -> list[str]:
    match name:
        case "rule":
            return [alert.rule]
        case "level":
            return [alert.level]
        case "tag":
            return alert.tags
    value = alert.group.get(name.removeprefix(GROUP))
    return [] if value is None else [value]
