"""All rules over a stream of events: each event meets only the rules that it may match."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping

from guarita.audit.events.classes import DetectionFinding
from guarita.detection.engine.correlate import Correlator
from guarita.detection.engine.groups import Entry
from guarita.detection.rule import Correlation, Detection, Event, EventRule, Group, Rule
from guarita.detection.sigma.fields import Field, field
from guarita.detection.sigma.values import text_of

_LONGEST = 256
_COUNT = field("unmapped.guarita.count")
_CODE = field("unmapped.guarita.code")
_OPERATION = field("api.operation")


class Engine:
    """Takes events in the order of the ledger; holds windows and nothing else."""

    def __init__(self, rules: Mapping[str, Rule], *, lateness: int = 60_000, most: int = 10_000) -> None:
        """`lateness` in ms: how much later than others an event may come. `most` groups for each rule."""
        self.now = 0
        """The newest event's time, in ms."""
        self.ceiling = sys.maxsize
        """What a clock says, in ms: an event from the future moves `now` no further."""
        self.correlators = {
            name: Correlator(rule, lateness=lateness, most=most)
            for name, rule in rules.items()
            if isinstance(rule, Correlation)
        }
        self._listeners: dict[str, list[Correlator]] = defaultdict(list)
        for one in self.correlators.values():
            for name in {*one.rule.of, *([one.rule.until] if one.rule.until else [])}:
                self._listeners[name].append(one)
        self._always: dict[int, list[EventRule]] = defaultdict(list)
        self._indexed: dict[int, dict[str, tuple[Field, dict[str, list[EventRule]]]]] = defaultdict(dict)
        for rule in rules.values():
            if isinstance(rule, EventRule):
                self._index(rule)

    @property
    def horizon(self) -> int:
        """How many ms windows reach back at most."""
        return 2 * max((one.rule.span for one in self.correlators.values()), default=0)

    @property
    def evicted(self) -> dict[str, int]:
        """Groups that were let go for want of room, by rule."""
        return {name: one.groups.evicted for name, one in self.correlators.items() if one.groups.evicted}

    def feed(self, event: Event, index: int, *, quiet: bool = False) -> Iterator[Detection]:
        """Take the event of an entry; gives what is detected by it. While `quiet` it only fills windows."""
        time = event.get("time")
        if type(time) is not int:
            return
        self.now = max(self.now, min(time, self.ceiling))
        event = _unfolded(event)
        for rule in self._candidates(event):
            if rule.matches(event):
                yield from self._matched(rule, event, time, index, quiet=quiet)

    def due(self, now: int) -> Iterator[Detection]:
        """What has not come by `now`, in ms."""
        for one in self.correlators.values():
            for found in one.due(now):
                yield from self._told(found, quiet=False)

    def _index(self, rule: EventRule) -> None:
        for uid in rule.classes:
            if rule.required is None:
                self._always[uid].append(rule)
                continue
            where, values = rule.required
            _, by_value = self._indexed[uid].setdefault(where.name, (where, defaultdict(list)))
            for value in values:
                by_value[value].append(rule)

    def _candidates(self, event: Event) -> list[EventRule]:
        uid = event.get("class_uid")
        if type(uid) is not int:
            return []
        found = list(self._always.get(uid, ()))
        for where, by_value in self._indexed.get(uid, {}).values():
            for value in where.read(event):
                text = text_of(value)
                if text is not None:
                    found += [rule for rule in by_value.get(text.lower(), ()) if rule not in found]
        if uid == DetectionFinding.UID and field("unmapped.guarita.derived").read(event):
            return []  # what was detected of detections is not detected again
        return found

    def _matched(
        self, rule: EventRule, event: Event, time: int, index: int, *, quiet: bool
    ) -> Iterator[Detection]:
        if rule.output and not quiet:
            yield Detection(
                rule=rule,
                kind="event",
                time=time,
                group=tuple(
                    (one.name, _shown(values[0])) for one in rule.shown if (values := one.read(event))
                ),
                first=time,
                last=time,
                count=_weight(event),
                index=index,
                evidence=[index] if index >= 0 else [],
            )
        for listener in self._listeners.get(rule.name, ()):
            yield from self._heard(
                listener, rule.name, event, Entry(time, index, _weight(event), ""), quiet=quiet
            )

    def _heard(
        self, listener: Correlator, name: str, event: Event, entry: Entry, *, quiet: bool
    ) -> Iterator[Detection]:
        told = listener.rule
        group: list[tuple[str, str]] = []
        for part, where in zip(told.group_by, told.fields[name], strict=True):
            values = where.read(event)
            if not values or values[0] is None:
                return  # what says nothing of the group counts in none
            group.append((part, _shown(values[0])))
        if name == told.until:
            listener.ended(tuple(group))
            return
        tags = [name] if told.kind.startswith("temporal") else [""]
        if told.value is not None:
            tags = [_shown(value) for value in told.value.read(event) if value is not None]
        for tag in tags:
            for found in listener.feed(tuple(group), entry._replace(tag=tag), self.now, quiet=quiet):
                yield from self._told(found, quiet=quiet)

    def _told(self, found: Detection, *, quiet: bool) -> Iterator[Detection]:
        if found.rule.output and not quiet:
            yield found
        for listener in self._listeners.get(found.rule.name, ()):
            yield from self._heard(
                listener,
                found.rule.name,
                _as_event(found.group),
                Entry(found.time, found.index, 1, ""),
                quiet=quiet,
            )


def _as_event(group: Group) -> Event:
    event: dict[str, object] = {}
    for name, value in group:
        here = event
        *parents, last = name.split(".")
        for part in parents:
            inner = here.setdefault(part, {})
            here = inner if isinstance(inner, dict) else {}
        here[last] = value
    return event


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else text_of(value)
    return str(text or "")[:_LONGEST]


def _unfolded(event: Event) -> Event:
    """A summary of refusals as the refusals that it counts: the gateway names their code beside, not in `status_code`."""
    if "status_code" not in event and _OPERATION.read(event) == ("gateway.refused-again",):
        return {**event, "status_code": next(iter(_CODE.read(event)), None)}
    return event


def _weight(event: Event) -> int:
    """An entry of the gateway may stand for many decisions, which it counts."""
    if (operation := _OPERATION.read(event)) and str(operation[0]).startswith("gateway."):
        count = _COUNT.read(event)
        if count and type(count[0]) is int:
            return max(1, count[0])
    return 1
