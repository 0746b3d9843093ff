"""The charts: numbers of a verdict, brought into parts of a ring and lengths of bars for inline SVG."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from guarita.policy.gate.coverage import FileStatus
from guarita.policy.gate.finding import Severity
from guarita.policy.gate.verdict import Decision, State, Verdict
from guarita.scan.reports.summary import STATES

FOLDERS = 8
HALF = 50
LEVELS = [severity.value for severity in reversed(Severity)]
STATUSES = {
    FileStatus.SCANNED: "scanned",
    FileStatus.EXCLUDED: "excluded by a named rule",
    FileStatus.UNPARSEABLE: "unparseable",
    FileStatus.NO_TOOL: "without its tool",
}


@dataclass(frozen=True)
class Segment:
    """A part of a ring or bar. `start` and `length` are percent of the whole."""

    kind: str
    """The CSS class that colours it."""
    label: str
    count: int
    start: float
    length: float

    def arc(self) -> str:
        """The part of a ring of radius 48 around (60, 60), from the top, clockwise, as an SVG path."""
        ends = (2 * math.pi * part / 100 for part in (self.start, self.start + self.length))
        (x0, y0), (x1, y1) = ((60 + 48 * math.sin(angle), 60 - 48 * math.cos(angle)) for angle in ends)
        return f"M{x0:.2f} {y0:.2f}A48 48 0 {int(self.length > HALF)} 1 {x1:.2f} {y1:.2f}"


@dataclass(frozen=True)
class Bar:
    """One bar with its name; its segments together are as long as its share of the longest."""

    name: str
    total: int
    segments: tuple[Segment, ...]


class Charts:
    """All charts of one verdict. What counts nothing has no segment."""

    def __init__(self, verdict: Verdict) -> None:
        self._verdict = verdict

    @cached_property
    def severities(self) -> tuple[Segment, ...]:
        """What fails, by severity, as a ring."""
        counts = self._verdict.by_severity(State.FAILING)
        return _segments({(level, level): counts[level] for level in LEVELS})

    @cached_property
    def files(self) -> tuple[Segment, ...]:
        """How the files ended, as a ring."""
        counts = self._verdict.coverage.counts()
        return _segments({(status.value, words): counts[status.value] for status, words in STATUSES.items()})

    @cached_property
    def states(self) -> tuple[Bar, ...]:
        """What was decided about the findings, by severity."""
        names = {decision.state: STATES[decision.state] for decision in self._verdict.decisions}
        return _bars((names[d.state], d) for d in self._verdict.decisions)

    @cached_property
    def scanners(self) -> tuple[Bar, ...]:
        """What fails, by scanner and severity."""
        return _bars((d.finding.scanner, d) for d in self._verdict.failing)

    @cached_property
    def folders(self) -> tuple[Bar, ...]:
        """What fails, by the first two folders and severity: the worst few."""
        return _bars((_folder(d.finding.location.path), d) for d in self._verdict.failing)[:FOLDERS]


def _folder(path: str) -> str:
    *folders, _ = path.split("/")
    return "/".join(folders[:2]) + "/" if folders else "(the root)"


def _bars(named: Iterable[tuple[str, Decision]]) -> tuple[Bar, ...]:
    counts: dict[str, Counter[str]] = {}
    for name, decision in named:
        counts.setdefault(name, Counter())[decision.finding.severity.value] += 1
    longest = max((counted.total() for counted in counts.values()), default=0)
    bars = (
        Bar(name, counted.total(), _segments({(level, level): counted[level] for level in LEVELS}, longest))
        for name, counted in counts.items()
    )
    return tuple(sorted(bars, key=lambda bar: (-bar.total, bar.name)))


def _segments(counts: Mapping[tuple[str, str], int], whole: int = 0) -> tuple[Segment, ...]:
    whole = whole or sum(counts.values())
    segments, start = [], 0.0
    for (kind, label), count in counts.items():
        if count:
            length = 100 * count / whole
            segments.append(Segment(kind, label, count, round(start, 3), round(length, 3)))
            start += length
    return tuple(segments)
