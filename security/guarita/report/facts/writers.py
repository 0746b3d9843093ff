"""Who writes to the log and was silent, and when the log could not be written (OCSF 6002)."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

import msgspec

from guarita.report.facts.interface import Collector, Window
from guarita.report.interface import GapState, WriterState
from guarita.report.seen import Seen, whole
from guarita.report.tally import LONGEST

MOST: Final = 500
SHOWN: Final = 10
LATE: Final = 1.5
"""A beat after more than this many periods is late, as in the evidence pack."""


class _Beat(msgspec.Struct):
    writer: str
    boot: str
    counter: int
    period: int
    beat: str


class _Gap(msgspec.Struct):
    since: int
    until: int
    count: int
    held: int
    refused: int
    reason: str


class _Ours(msgspec.Struct):
    heartbeat: _Beat | None = None
    gap: _Gap | None = None


_ours = msgspec.json.Decoder(_Ours)


class _Life:
    def __init__(self, beat: _Beat, time: int) -> None:
        self.beat, self.time = beat, time
        self.missing = self.late = 0


class WriterCollector(Collector):
    """Collects heartbeats and gaps. Of a writer its newest life counts."""

    classes = (6002,)

    def __init__(self) -> None:
        self._lives: OrderedDict[str, _Life] = OrderedDict()
        self._gaps: deque[_Gap] = deque(maxlen=SHOWN)
        self._gap_count = 0

    def take(self, index: int, event: Seen, window: Window) -> None:
        del index
        ours = event.ours(_ours)
        if ours.gap is not None and window.holds(event.time):
            self._gaps.append(ours.gap)
            self._gap_count += 1
        if ours.heartbeat is not None:
            self._beat(ours.heartbeat, event.time)

    def _beat(self, beat: _Beat, time: int) -> None:
        name = beat.writer[:LONGEST]
        life = self._lives.get(name)
        if life is None or life.beat.boot != beat.boot:
            before = life
            life = self._lives[name] = _Life(beat, time)
            if before is not None:
                life.missing, life.late = before.missing + whole(beat.counter), before.late
            if len(self._lives) > MOST:
                self._lives.popitem(last=False)
        else:
            life.missing += whole(beat.counter - life.beat.counter - 1)
            life.late += time - life.time > life.beat.period * LATE
            life.beat, life.time = beat, time
        self._lives.move_to_end(name)

    def writers(self, window: Window) -> list[WriterState]:
        """Those that were heard within the window; those that are silent now first."""
        states = [
            WriterState(
                name=name,
                last=life.time,
                stopped=(stopped := life.beat.beat == "stop"),
                silent=not stopped and window.now - life.time > life.beat.period * LATE,
                missing=life.missing,
                late=life.late,
            )
            for name, life in self._lives.items()
            if window.holds(life.time)
        ]
        return sorted(states, key=lambda one: (not one.silent, -one.last, one.name))

    def gaps(self) -> tuple[list[GapState], int]:
        """The newest times in which the log could not be written, and how many there were."""
        states = [
            GapState(since=one.since, until=one.until, refused=one.refused, held=one.held, reason=one.reason)
            for one in reversed(self._gaps)
        ]
        return states, self._gap_count
