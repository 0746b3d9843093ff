"""Gaps in heartbeats: which beats are missing, where a writer was silent, and which ended without a stop."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple, TypeGuard

OCSF_CLASS = 6002
MAX_NUMBER = 2**53
"""Beyond it JSON's numbers are not exact everywhere."""
MALFORMED = "a heartbeat of a wrong form"
LATE = 1.5
"""A beat that comes after more than this many periods is late: the time between was silent."""


class Beat(NamedTuple):
    """One heartbeat, as its entry has it. Times in ms since the epoch, by the writer's own clock."""

    entry: int
    """Its index in the log."""
    time: int
    writer: str
    boot: str
    counter: int
    period: int
    kind: str


class Gap(NamedTuple):
    """Something that the heartbeats cannot vouch for."""

    kind: str
    """`missing`, `silent`, `begins-before`, `no-stop`, `clock` or `twice`."""
    writer: str
    boot: str
    text: str
    since: int | None = None
    """ms since the epoch, where the gap is a time."""
    until: int | None = None


class Life(NamedTuple):
    """A writer from its first beat here to its last."""

    writer: str
    boot: str
    first: Beat
    last: Beat
    stopped: bool


class Heartbeats(NamedTuple):
    """What the heartbeats of a range say."""

    lives: list[Life]
    gaps: list[Gap]


def is_number(found: Any) -> TypeGuard[int]:
    """Whether this is a whole number that a time or a counter can be."""
    return type(found) is int and 0 <= found < MAX_NUMBER


def beat_of(entry: int, event: Any) -> Beat | None:
    """The heartbeat that an event is; None when it is none. Raises ValueError for one of a wrong form."""
    found: Any = event
    for name in ("unmapped", "guarita", "heartbeat"):
        found = found.get(name) if isinstance(found, dict) else None
    if found is None or event.get("class_uid") != OCSF_CLASS:
        return None
    try:
        beat = Beat(
            entry=entry,
            time=event["time"],
            writer=found["writer"],
            boot=found["boot"],
            counter=found["counter"],
            period=found["period"],
            kind=found["beat"],
        )
    except (KeyError, TypeError):
        raise ValueError(MALFORMED) from None
    texts = (beat.writer, beat.boot, beat.kind)
    numbers = (beat.time, beat.counter, beat.period)
    if not all(isinstance(one, str) for one in texts) or not all(map(is_number, numbers)) or not beat.period:
        raise ValueError(MALFORMED)
    return beat


def judge(beats: Iterable[Beat], *, from_start: bool, until: int) -> Heartbeats:
    """The lives and the gaps that these beats show.

    `from_start` says whether the range holds the log's first entry, so that every beat before these would be
    there; `until` (ms since the epoch) is the time up to which a writer that is there should have been heard.
    """
    by_boot: dict[tuple[str, str], list[Beat]] = {}
    for beat in sorted(beats, key=lambda one: one.entry):
        by_boot.setdefault((beat.writer, beat.boot), []).append(beat)
    lives: list[Life] = []
    gaps: list[Gap] = []
    for (writer, boot), found in by_boot.items():
        lives.append(Life(writer, boot, found[0], found[-1], found[-1].kind == "stop"))
        gaps.extend(_opening(writer, boot, found[0], from_start))
        for before, after in pairwise(found):
            gaps.extend(_between(before, after))
        gaps.extend(_ending(writer, boot, found[-1], until))
    return Heartbeats(lives, gaps)


def uncovered(lives: Iterable[Life], gaps: Iterable[Gap], since: int, until: int) -> list[tuple[int, int]]:
    """The times within `since` to `until` in which no writer's heartbeats vouch for any recorder.

    A beat vouches for the time up to the next one, and the last without a stop for one period.
    """
    silent: dict[str, list[tuple[int, int]]] = {}
    bare: list[tuple[int, int]] = []
    for gap in gaps:
        if gap.kind in {"silent", "missing"} and gap.since is not None and gap.until is not None:
            silent.setdefault(gap.boot, []).append((gap.since, gap.until))
    covered = []
    for life in lives:
        at = life.first.time
        for start, end in sorted(silent.get(life.boot, [])):
            covered.append((at, start))
            at = max(at, end)
        covered.append((at, life.last.time if life.stopped else life.last.time + life.last.period))
    at = since
    for start, end in sorted(covered):
        if start > at:
            bare.append((at, min(start, until)))
        at = max(at, end)
        if at >= until:
            return bare
    return [*bare, (at, until)] if at < until else bare


def _opening(writer: str, boot: str, first: Beat, from_start: bool) -> list[Gap]:
    if first.counter == 0 and first.kind == "start":
        return []
    if not from_start:
        return [
            Gap(
                "begins-before",
                writer,
                boot,
                f"its start lies before this range; first here is beat {first.counter}",
            )
        ]
    return [
        Gap(
            "missing", writer, boot, f"beats 0 to {first.counter} do not begin with a start", None, first.time
        )
    ]


def _between(before: Beat, after: Beat) -> list[Gap]:
    writer, boot = before.writer, before.boot
    gaps = []
    if before.kind == "stop":
        gaps.append(Gap("twice", writer, boot, f"entry {after.entry}: a beat after the stop"))
    if after.counter <= before.counter:
        gaps.append(
            Gap("twice", writer, boot, f"entry {after.entry}: beat {after.counter} after {before.counter}")
        )
    elif after.counter > before.counter + 1:
        text = f"beats {before.counter + 1} to {after.counter - 1} are not there"
        gaps.append(Gap("missing", writer, boot, text, before.time, after.time))
    if after.time < before.time:
        gaps.append(
            Gap("clock", writer, boot, f"entry {after.entry}: its clock went back", after.time, before.time)
        )
    elif after.counter == before.counter + 1 and after.time - before.time > before.period * LATE:
        seconds = (after.time - before.time) / 1000
        text = f"beat {after.counter} came after {seconds:g} s, and {before.period / 1000:g} s were promised"
        gaps.append(Gap("silent", writer, boot, text, before.time + before.period, after.time))
    return gaps


def _ending(writer: str, boot: str, last: Beat, until: int) -> list[Gap]:
    if last.kind == "stop" or until - last.time <= last.period * LATE:
        return []
    return [
        Gap("no-stop", writer, boot, f"beat {last.counter} is its last, and it is no stop", last.time, until)
    ]
