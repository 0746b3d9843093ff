"""What rules found (OCSF 2004), and whether people heard of it in time (6003 of `guarita-alerts`)."""

from __future__ import annotations

import statistics
from collections import Counter, OrderedDict, deque
from typing import Final

import msgspec

from guarita.report.facts.interface import LEVELS, Collector, Window, level
from guarita.report.interface import Alerts, AlertTimes, Detections, OpenIncident
from guarita.report.seen import Seen
from guarita.report.tally import LONGEST, Days, Tally

ALERTS: Final = "guarita-alerts"
MOST: Final = 2_000
"""Open incidents that are remembered: those that were opened longest ago are forgotten first."""
SHOWN: Final = 20
RECENT: Final = 2_000
"""Times of a level that its median is taken of: the newest."""
_CLOSED: Final = 3
_WORST_FIRST: Final = ("critical", "high", "medium", "low", "info")


class DetectionCollector(Collector):
    """Collects findings of detection rules."""

    classes = (2004,)

    def __init__(self) -> None:
        self._days = Days()
        self._rules = Tally()

    def take(self, index: int, event: Seen, window: Window) -> None:
        del index
        if event.activity_id == _CLOSED or not window.holds(event.time):
            return
        info = event.finding_info
        rule = (info.analytic.uid or info.analytic.name) if info and info.analytic else None
        self._days.add(window.day(event.time), level(event.severity_id))
        self._rules.add(rule or (info.title if info else "") or "unknown")

    def detections(self, window: Window) -> Detections:
        """Over the window."""
        return Detections(
            days=self._days.listed(window.first, window.last),
            total=sum(self._days.totals(window.first, window.last).values()),
            rules=self._rules.ranking(),
        )


class _Alert(msgspec.Struct):
    rule: str = ""
    level_name: str = ""
    alerts: int = 1
    first: int = 0
    event_time: int | None = None
    latency_ms: float | None = None
    deadline_ms: float | None = None
    kept: bool | None = None


class _Ours(msgspec.Struct):
    alert: _Alert = msgspec.field(default_factory=_Alert)


_ours = msgspec.json.Decoder(_Ours)


class _Incident(msgspec.Struct):
    rule: str
    level: str
    since: int
    acknowledged: bool = False


class _Times:
    def __init__(self) -> None:
        self.latencies: deque[int] = deque(maxlen=RECENT)
        self.worst = 0
        self.deadline: int | None = None


class AlertCollector(Collector):
    """Collects what became of alerts. An alert's time is that of the first channel which had it."""

    classes = (6003,)

    def __init__(self) -> None:
        self._days = Days()
        self._times = {name: _Times() for name in _WORST_FIRST}
        self._open: OrderedDict[str, _Incident] = OrderedDict()

    def take(self, index: int, event: Seen, window: Window) -> None:
        del index
        if event.service() != ALERTS or event.api is None:
            return
        ours = event.ours(_ours).alert
        about = event.resources[0] if event.resources else None
        incident = ((about.uid if about else "") or "")[:LONGEST]
        grade = ours.level_name if ours.level_name in self._times else level(event.severity_id)
        operation = event.api.operation
        if operation in {"alert.sent", "alert.failed", "alert.abandoned"}:
            self._told(incident, ours, grade, event.time)
        elif operation == "alert.acknowledged" and incident in self._open:
            self._open[incident].acknowledged = True
        elif operation == "alert.resolved":
            self._open.pop(incident, None)
        if not window.holds(event.time):
            return
        day = window.day(event.time)
        self._days.add(day, operation)
        if operation == "alert.sent" and ours.first > 0:
            self._timed(day, ours, grade)

    def _told(self, incident: str, ours: _Alert, grade: str, time: int) -> None:
        if incident in self._open:
            return
        self._open[incident] = _Incident(ours.rule[:LONGEST], grade, ours.event_time or time)
        if len(self._open) > MOST:
            self._open.popitem(last=False)

    def _timed(self, day: int, ours: _Alert, grade: str) -> None:
        times = self._times[grade]
        if ours.latency_ms is not None:
            latency = max(0, round(ours.latency_ms))
            times.latencies.append(latency)
            times.worst = max(times.worst, latency)
        if ours.deadline_ms is None:
            self._days.add(day, f"unlimited {grade}", ours.first)
            return
        times.deadline = round(ours.deadline_ms)
        self._days.add(day, f"{'kept' if ours.kept else 'missed'} {grade}", ours.first)

    def alerts(self, window: Window) -> Alerts:
        """Over the window, and what is open now."""
        totals = Counter(self._days.totals(window.first, window.last))
        self._days.listed(window.first, window.last)
        ordered = sorted(
            self._open.items(),
            key=lambda item: (item[1].acknowledged, _WORST_FIRST.index(item[1].level), item[1].since),
        )
        return Alerts(
            times=[self._of(grade, totals) for grade in _WORST_FIRST],
            failed=totals["alert.failed"],
            abandoned=totals["alert.abandoned"],
            escalated=totals["alert.escalated"],
            silenced=totals["alert.silenced"],
            open=[
                OpenIncident(
                    incident=name,
                    rule=one.rule,
                    level=one.level,
                    since=one.since,
                    acknowledged=one.acknowledged,
                )
                for name, one in ordered[:SHOWN]
            ],
            open_count=len(ordered),
        )

    def _of(self, grade: str, totals: Counter[str]) -> AlertTimes:
        times = self._times[grade]
        return AlertTimes(
            level=grade,
            kept=totals[f"kept {grade}"],
            missed=totals[f"missed {grade}"],
            unlimited=totals[f"unlimited {grade}"],
            median_ms=round(statistics.median(times.latencies)) if times.latencies else None,
            worst_ms=times.worst if times.latencies else None,
            deadline_ms=times.deadline,
        )


assert set(LEVELS.values()) == set(_WORST_FIRST)  # noqa: S101  # every level has its times
