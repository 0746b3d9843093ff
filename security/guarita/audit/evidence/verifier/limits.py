"""What the evidence cannot prove. Nothing here is an error; each is a question to ask elsewhere."""

from __future__ import annotations

from typing import Any, NamedTuple

from . import gaps
from .check import Checked, Checkpoint
from .facts import Facts


class Limit(NamedTuple):
    """One thing that is not proved."""

    code: str
    text: str
    since: int | None = None
    """ms since the epoch, where it is about a time."""
    until: int | None = None


class Attested(NamedTuple):
    """A time of which witnesses speak: seconds since the epoch."""

    size: int
    by: int
    """The first `size` entries were there at this time."""
    not_before: int
    """And none further at this one."""


def attested(checkpoints: list[Checkpoint], quorum: int) -> list[Attested]:
    """What `quorum` witnesses say of times, if at least one of any `quorum` of them is honest."""
    found = []
    for one in checkpoints:
        times = sorted(cosigned.time for cosigned in one.cosigned)
        if quorum and len(times) >= quorum:
            found.append(Attested(one.head.size, times[quorum - 1], times[-quorum]))
    return found


def limits(checked: Checked, facts: Facts, manifest: dict[str, Any], quorum: int) -> list[Limit]:
    """Everything that is not proved, the gravest first."""
    return [
        *_trust(checked, quorum),
        *_outside(checked, facts, manifest),
        *_heartbeats(checked, facts, manifest),
        *_contents(facts),
        Limit("word", "that an event says what happened: it says what its writer recorded"),
    ]


def _trust(checked: Checked, quorum: int) -> list[Limit]:
    found = []
    if not checked.anchored:
        found.append(
            Limit(
                "key-from-file",
                "whose log this is: the key came out of this file; name the one you know with --vkey",
            )
        )
    times = attested(checked.checkpoints, quorum)
    bare = [
        one.head.size for one in checked.checkpoints if one.head.size not in {time.size for time in times}
    ]
    if not times:
        found.append(
            Limit(
                "unwitnessed",
                "that others were shown the same log: no checkpoint has enough witnesses that you named",
            )
        )
        found.append(Limit("time", "any time: every time here is by the clock of whoever wrote the entry"))
    else:
        if bare:
            text = f"that others were shown the same log at {len(bare)} of {len(checked.checkpoints)} checkpoints"
            found.append(Limit("unwitnessed", f"{text}: {_some(bare)} entries"))
        found.append(
            Limit("time", "times between those that witnesses attest: they are by the writers' clocks")
        )
        after = max(time.size for time in times)
        if after < checked.stop:
            found.append(
                Limit("time", f"by when entries {after} to {checked.stop - 1} were there: no witness says")
            )
    return found


def _outside(checked: Checked, facts: Facts, manifest: dict[str, Any]) -> list[Limit]:
    found = []
    newest = checked.checkpoints[-1].head.size
    archived = manifest.get("archived")
    first, last = (facts.edges[0], facts.edges[-1]) if facts.edges else (None, None)
    if type(archived) is int and archived > 0 and archived >= checked.start > 0:
        found.append(
            Limit("pruned", f"what entries 0 to {archived - 1} say: their texts were archived elsewhere")
        )
    if checked.start > 0 and (facts.since is None or first is None or first >= facts.since):
        found.append(
            Limit("before", f"that no entry before {checked.start} is of this period: they are not shown")
        )
    size = manifest.get("log_size")
    if checked.stop < newest and (facts.until is None or last is None or last < facts.until):
        found.append(
            Limit("after", f"that no entry from {checked.stop} on is of this period: they are not shown")
        )
    if type(size) is int and size > newest:
        found.append(Limit("unsigned", f"entries {newest} to {size - 1}: no checkpoint covered them yet"))
    if checked.stop == newest:
        found.append(
            Limit(
                "after-last",
                f"what was written after the last checkpoint, of {newest} entries",
                facts.last_time,
            )
        )
    if facts.timeless:
        found.append(
            Limit("timeless", f"when {len(facts.timeless)} entries were written: {_some(facts.timeless)}")
        )
    if facts.backwards:
        found.append(
            Limit(
                "order", f"the order of times: {facts.backwards} entries are older than the one before them"
            )
        )
    return found


def _heartbeats(checked: Checked, facts: Facts, manifest: dict[str, Any]) -> list[Limit]:
    if not facts.beats:
        return [Limit("heartbeats", "that a recorder was running at any time: there are no heartbeats")]
    until = horizon(checked, facts, manifest)
    judged = gaps.judge(facts.beats, from_start=checked.start == 0, until=until)
    found = [
        Limit(f"heartbeat-{gap.kind}", f"{gap.writer}: {gap.text}", gap.since, gap.until)
        for gap in judged.gaps
    ]
    since = facts.since if facts.since is not None else facts.first_time
    if since is not None:
        found.extend(
            Limit("uncovered", "that anybody was recording", start, end)
            for start, end in gaps.uncovered(judged.lives, judged.gaps, since, until)
        )
    return found


def horizon(checked: Checked, facts: Facts, manifest: dict[str, Any]) -> int:
    """Up to when, in ms since the epoch, a writer that is there should have been heard."""
    last = max(beat.time for beat in facts.beats)
    last = max(last, facts.last_time or 0)
    made = manifest.get("made")
    whole = checked.stop == checked.checkpoints[-1].head.size == manifest.get("log_size")
    ends = [time for time in (facts.until, made if whole else None) if gaps.is_number(time)]
    return min(ends) if whole and ends else last


def _contents(facts: Facts) -> list[Limit]:
    found = []
    erased = sum(count for key, count in facts.sealed.items() if key in facts.erased)
    if erased:
        found.append(
            Limit(
                "erased", f"what {erased} values were: their persons asked for erasure, and it is on record"
            )
        )
    sealed = sum(facts.sealed.values()) - erased
    if sealed:
        found.append(Limit("sealed", f"what {sealed} values are: they identify persons, and are sealed"))
    if facts.scans:
        text = f"how {len(facts.scans)} scans ended: they have no verdict here"
        found.append(Limit("no-verdict", f"{text} (entries {_some(sorted(facts.scans.values()))})"))
    if facts.strange:
        found.append(Limit("unread", f"what {len(facts.strange)} entries say: {_some(facts.strange)}"))
    return found


def _some(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:5]))
    return shown if len(numbers) <= 5 else f"{shown}, …"  # noqa: PLR2004  # enough to look one up
