"""From the ledger to the ledger: entries in, what rules detect appended, each once whenever this process ends.

What is kept is a cursor. On starting, entries within reach of the windows before it are read again, and what was detected
there is taken from the ledger; a detection's idempotency key follows from rule, group and window.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from guarita.audit import Leaf, Ledger, LedgerCorruptError, LedgerUnavailableError
from guarita.audit.events import Attack, Technique, detection_finding
from guarita.audit.events.classes import DetectionFinding
from guarita.detection.engine.engine import Engine
from guarita.detection.observe import observations
from guarita.detection.rule import Detection, Head

CURSOR: Final = "detect/main"
BATCH: Final = 1000
POLL: Final = 0.2
OBSERVED: Final = 60_000
"""ms between two looks at what stands beside the log."""
OVERFLOW: Final = Head(
    name="detection-overflow",
    rule_id="",
    title="A rule has more groups than it may hold",
    level="medium",
    tags=(),
    output=True,
    place="",
)
"""What is detected of detection itself, once an hour for each rule: it may have missed something."""
_HOUR: Final = 3_600_000
_PROBE: Final = 9
Clock = Callable[[], int]
"""ms since the epoch."""


class Position(msgspec.Struct, frozen=True):
    """How far the ledger was read."""

    next: int = 0
    hash: str = ""
    """The leaf hash (hex) of the entry before."""
    time: int = 0
    """The newest event's time by then, in ms."""


class Detector:
    """Runs an engine over a ledger."""

    def __init__(self, ledger: Ledger, engine: Engine, *, clock: Clock, lateness: int) -> None:
        """`lateness` in ms."""
        self._ledger = ledger
        self._engine = engine
        self._clock = clock
        self._lateness = lateness
        self._saved: str | None = None
        self._observed = 0
        self._evicted: dict[str, tuple[int, int]] = {}
        self.read = 0
        """Entries read."""

    def run(
        self, *, since: int | None = None, follow: bool = False, stop: threading.Event | None = None
    ) -> Iterator[Detection]:
        """Detect from the cursor on, or from the time `since` (ms); with `follow` until `stop`.

        Gives each detection after it is durable, those that the ledger had already only with `since`. Raises
        LedgerCorruptError, LedgerUnavailableError.
        """
        ended = stop or threading.Event()
        at = self._begin(since)
        while not ended.is_set():
            leaves = list(
                itertools.islice(self._ledger.entries(at, min(at + BATCH, self._ledger.size)), BATCH)
            )
            self._engine.ceiling = self._clock() + self._lateness
            found = [one for leaf in leaves for one in self._fed(leaf)]
            if not leaves:
                found = [*self._engine.due(self._clock() - self._lateness), *self._beside(since)]
            found += self._overflown()
            yield from self._appended(found, known=since is not None)
            if leaves:
                at = leaves[-1].index + 1
                self.read += len(leaves)
                if since is None or follow:
                    self._save(Position(at, leaves[-1].hash.hex(), self._engine.now))
            elif not follow:
                return
            else:
                ended.wait(POLL)

    def _begin(self, since: int | None) -> int:
        floor = self._ledger.archived
        self._saved = self._ledger.store.state(CURSOR).get(CURSOR)
        start, time = floor, 0
        if since is not None:
            start, time = self._at(since, floor), since
        elif self._saved is not None:
            position = msgspec.json.decode(self._saved, type=Position)
            if position.next:
                there = self._ledger.store.hashes(0, position.next - 1, position.next).hex()
                if there != position.hash:
                    raise LedgerCorruptError(
                        "detection.cursor", f"detection stands at entry {position.next} of another log",
                        hint="verify the ledger",
                    )  # fmt: skip
            start, time = max(floor, position.next), position.time
        if start > floor:
            warm = self._at(time - self._engine.horizon - self._lateness, floor)
            for leaf in self._ledger.entries(warm):
                self._known(leaf)
            self._engine.ceiling = self._clock() + self._lateness
            for leaf in self._ledger.entries(warm, start):
                event = _event(leaf)
                for _ in self._engine.feed(event, leaf.index, quiet=True):
                    pass
        return start

    def _at(self, time: int, floor: int) -> int:
        """The first entry of about this time. Clocks differ, so a few neighbours say what time it was."""
        low, high = floor, self._ledger.size
        while low < high:
            middle = (low + high) // 2
            times = sorted(
                int(_event(leaf).get("time", 0))
                for leaf in self._ledger.entries(middle, min(middle + _PROBE, high))
            )
            if times and times[len(times) // 2] < time:
                low = middle + 1
            else:
                high = middle
        return max(floor, low - _PROBE)

    def _fed(self, leaf: Leaf) -> Iterator[Detection]:
        self._known(leaf)
        return self._engine.feed(_event(leaf), leaf.index)

    def _beside(self, since: int | None) -> Iterator[Detection]:
        now = self._clock()
        if since is None and now - self._observed >= OBSERVED:
            self._observed = now
            for event in observations(self._ledger, now):
                yield from self._engine.feed(event, -1)

    def _overflown(self) -> Iterator[Detection]:
        now = self._clock()
        for name, count in self._engine.evicted.items():
            before, at = self._evicted.get(name, (0, 0))
            if count > before and now - at >= _HOUR:
                self._evicted[name] = (count, now)
                yield Detection(
                    rule=OVERFLOW,
                    kind="event",
                    time=now // _HOUR * _HOUR,
                    group=(("rule", name),),
                    first=at or now,
                    last=now,
                    count=count - before,
                    index=-1,
                )

    def _known(self, leaf: Leaf) -> None:
        """Take what was detected before for detected."""
        if b'"trigger"' not in leaf.body:
            return
        event = _event(leaf)
        ours = (event.get("unmapped") or {}).get("guarita") or {}
        rule = ((event.get("finding_info") or {}).get("analytic") or {}).get("uid")
        one = self._engine.correlators.get(str(rule))
        if event.get("class_uid") == DetectionFinding.UID and one is not None:
            one.fired(str(ours.get("key")), int(event.get("time", 0)), int(ours.get("trigger", -1)))

    def _appended(self, found: Sequence[Detection], *, known: bool) -> Iterator[Detection]:
        answers = self._ledger.append_all([finding(one) for one in found])
        for one, answer in zip(found, answers, strict=True):
            if known or not answer.duplicate:
                yield one

    def _save(self, position: Position) -> None:
        text = msgspec.json.encode(position).decode()
        if self._ledger.store.swap_state(CURSOR, self._saved, text):
            self._saved = text
            return
        raise LedgerUnavailableError(
            "detection.busy", "another process detects on this ledger", hint="run one at a time"
        )


def finding(one: Detection) -> DetectionFinding:
    """A detection as the ledger takes it (docs/detection.md)."""
    rule = one.rule
    details: dict[str, Any] = {
        "rule_id": rule.rule_id,
        "kind": one.kind,
        "group": dict(one.group),
        "tags": list(rule.tags),
        "count": one.count,
        "first": one.first,
        "last": one.last,
        "timespan": one.span,
        "evidence": list(one.evidence),
        "trigger": one.index,
        "key": one.key,
    }
    if one.values is not None:
        details["values"] = one.values
    return detection_finding(
        time=one.time,
        finding_uid=one.uid,
        rule=rule.name,
        title=rule.title,
        severity=rule.level,
        attacks=[
            Attack(technique=Technique(uid=tag.removeprefix("attack.").upper()))
            for tag in rule.tags
            if tag.startswith("attack.t") and tag[8:12].isdecimal()
        ],
        first=one.first,
        last=one.last,
        count=one.count,
        details=details,
        uid=f"detection:{one.uid}",
    )


def _event(leaf: Leaf) -> dict[str, Any]:
    try:
        event = msgspec.json.decode(leaf.body)
    except msgspec.DecodeError:
        return {}
    return event if isinstance(event, dict) else {}
