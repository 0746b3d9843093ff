"""One correlation over its matches, in the order in which the ledger has them.

A window is a time of `span`, both ends included. When the condition holds in a window that a match has just entered, that is
a detection; until `span` has passed after it, further ones of the same group are the same. A match that comes late is put
where its time is, as long as windows reach back so far.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

from guarita.detection.engine.groups import Entry, Groups, Window
from guarita.detection.rule import EVIDENCE, Correlation, Detection, Group, key

LEAST: Final = 512
"""Matches that a window can hold at least."""
_FIRES: Final = 8


class Correlator:
    """The state of one correlation."""

    def __init__(self, rule: Correlation, *, lateness: int, most: int) -> None:
        """`lateness` in ms; `most` groups at most."""
        self.rule = rule
        self.groups = Groups(most)
        self._lateness = lateness
        self._cap = max(LEAST, 4 * rule.threshold)
        self._fires: dict[str, list[tuple[int, int]]] = {}

    def fired(self, name: str, time: int, index: int) -> None:
        """The ledger has a detection of this key (`Detection.key`)."""
        there = self._fires.setdefault(name, [])
        if (time, index) not in there:
            there.append((time, index))
            del there[:-_FIRES]

    def feed(self, group: Group, entry: Entry, now: int, *, quiet: bool) -> Iterator[Detection]:
        """Take a match. `now` is the time up to which events were seen; while `quiet` nothing is detected."""
        window = self.groups.get(group)
        if window is None:
            window = Window(self._fires.get(key(self.rule.name, group), []))
            self.groups.add(group, window, now - self.rule.span - self._lateness)
        if self.rule.kind == "absence":
            if (
                window.entries
                and entry.time > (due := window.entries[-1].time + self.rule.span)
                and not quiet
            ):
                yield self._absent(group, window, due)
            window.entries = [max([entry, *window.entries])]
            self.groups.touched(group, window)
            return
        window.prune(entry.time - 2 * self.rule.span - self._lateness)
        at = window.insert(entry, self._cap)
        self.groups.touched(group, window)
        if not (self.rule.output and quiet):
            yield from self._judged(group, window, at, entry)

    def due(self, now: int) -> Iterator[Detection]:
        """What has not come by `now`."""
        if self.rule.kind == "absence":
            for group, window in self.groups.items():
                if window.entries and (at := window.entries[-1].time + self.rule.span) < now:
                    yield self._absent(group, window, at)
                    self.groups.drop(group)

    def ended(self, group: Group) -> None:
        """Nothing more is to be expected of this group."""
        self.groups.drop(group)

    def _judged(self, group: Group, window: Window, at: int, entry: Entry) -> Iterator[Detection]:
        span, entries = self.rule.span, window.entries
        for end in range(at, len(entries)):
            time = entries[end].time
            if time > entry.time + span:
                return
            known = (time, entry.at) in window.fires
            if not known and any(abs(time - fire) <= span for fire, _ in window.fires):
                continue
            start = bisect_left(entries, time - span, key=lambda one: one.time)
            inside = entries[start : end + 1]
            if self._holds(inside):
                if not known:
                    self.fired(key(self.rule.name, group), time, entry.at)
                    window.fires = self._fires[key(self.rule.name, group)]
                yield self._detection(group, inside, time, entry.at)
                return

    def _holds(self, inside: Sequence[Entry]) -> bool:
        match self.rule.kind:
            case "event_count":
                return self.rule.holds(sum(one.weight for one in inside))
            case "temporal_ordered":
                return _ordered(inside, self.rule.of)
        return self.rule.holds(len({one.tag for one in inside}))

    def _detection(self, group: Group, inside: Sequence[Entry], time: int, index: int) -> Detection:
        return Detection(
            rule=self.rule,
            kind=self.rule.kind,
            time=time,
            group=group,
            first=inside[0].time,
            last=inside[-1].time,
            count=sum(one.weight for one in inside),
            index=index,
            evidence=[one.at for one in inside if one.at >= 0][-EVIDENCE:],
            values=len({one.tag for one in inside}) if self.rule.kind == "value_count" else None,
            span=self.rule.span // 1000,
        )

    def _absent(self, group: Group, window: Window, due: int) -> Detection:
        last = window.entries[-1]
        return self._detection(group, [last], due, last.at)


def _ordered(inside: Sequence[Entry], rules: Sequence[str]) -> bool:
    """Whether matches of these rules follow one another in this order."""
    at = 0
    for one in inside:
        if at < len(rules) and one.tag == rules[at]:
            at += 1
    return at == len(rules)
