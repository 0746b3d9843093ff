"""The report: for a person, or as JSON."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from .check import Checked
from .facts import Change, Denial, Facts, Gate
from .limits import Attested, Limit

SHOWN = 200
"""Lines of a list at most; the JSON has them all."""


class Report(NamedTuple):
    """Everything that is to be said of a file whose proof holds."""

    sha256: str
    manifest: dict[str, Any]
    checked: Checked
    facts: Facts
    attested: list[Attested]
    limits: list[Limit]


def lines(report: Report) -> Iterator[str]:
    """The report for a person. Control characters of events do not reach the terminal."""
    for line in _lines(report):
        yield "".join(c if c.isprintable() else "�" for c in line)


def document(report: Report) -> dict[str, Any]:
    """The report for machines."""
    checked, facts = report.checked, report.facts
    return {
        "file_sha256": report.sha256,
        "log": checked.origin,
        "keys": checked.keys,
        "anchored": checked.anchored,
        "period": {"from": facts.since, "to": facts.until},
        "entries": {"start": checked.start, "stop": checked.stop},
        "checkpoints": [
            {
                "size": one.head.size,
                "root": one.head.root.hex(),
                "signed_by": one.signed_by,
                "cosigned": [cosigned._asdict() for cosigned in one.cosigned],
                "other_signatures": one.strangers,
            }
            for one in checked.checkpoints
        ],
        "attested": [one._asdict() for one in report.attested],
        "gates": [one._asdict() for one in facts.gates],
        "rotations": [one._asdict() for one in facts.changes],
        "denials": [one._asdict() for one in facts.denials],
        "detections": [one._asdict() for one in facts.detections],
        "own_changes": [one._asdict() for one in facts.own_changes],
        "erasures": facts.erased,
        "classes": dict(facts.classes),
        "not_proved": [one._asdict() for one in report.limits],
    }


def _lines(report: Report) -> Iterator[str]:
    checked, facts = report.checked, report.facts
    yield f"Evidence of the log {checked.origin}"
    yield f"  file     sha256 {report.sha256}"
    whose = (
        "the key that you named"
        if checked.anchored
        else "TAKEN FROM THIS FILE: it proves nothing of its origin"
    )
    yield f"  key      {checked.keys[0]} ({whose})"
    for key in checked.keys[1:]:
        yield f"           {key} (followed on the record)"
    yield f"  period   {_time(facts.since, 'the beginning')} to {_time(facts.until, 'the end')}"
    yield f"  entries  {checked.start} to {checked.stop - 1} of the log, every one, in order, byte for byte"
    newest = checked.checkpoints[-1].head
    yield f"  signed   {len(checked.checkpoints)} checkpoints, the last of {newest.size} entries"
    for one in report.attested:
        yield f"  attested the first {one.size} entries were there at {_seconds(one.by)}; none further at {_seconds(one.not_before)}"
    yield ""
    yield from _section("Gates", _gates(facts.gates))
    yield from _section("Secrets and keys: made, rotated, destroyed", _changes(facts.changes))
    yield from _section("Denied", _denials(facts.denials))
    yield from _section("Detected", [f"{_entry(one)}  {one.reason}  {one.what}" for one in facts.detections])
    yield from _section("The log's own signing keys and archives", _changes(facts.own_changes))
    yield from _section("Erasures", [f"#{entry}  key {key}" for key, entry in facts.erased.items()])
    yield from _section(
        "Entries by class", [f"{count:>8}  {name}" for name, count in facts.classes.most_common()]
    )
    yield "WHAT THIS DOES NOT PROVE"
    for limit in report.limits:
        when = (
            f" [{_time(limit.since, '…')} to {_time(limit.until, '…')}]" if limit.since or limit.until else ""
        )
        yield f"  - {limit.text}{when}"


def _section(title: str, found: list[str]) -> Iterator[str]:
    yield f"{title}: {len(found)}" if found else f"{title}: none"
    for line in found[:SHOWN]:
        yield f"  {line}"
    if len(found) > SHOWN:
        yield f"  … and {len(found) - SHOWN} more: --json has them all"
    yield ""


def _gates(gates: list[Gate]) -> list[str]:
    return [
        f"{_entry(one)}  {one.result.upper():7}  threshold {one.threshold or '?'}"
        + (f"  revision {one.revision}" if one.revision else "")
        + f"  tree {one.tree[:16] or '?'}  policy {one.policy[:16] or '?'}"
        + (f"  {one.failing} failing" if one.failing not in {"", "0"} else "")
        for one in gates
    ]


def _changes(changes: list[Change]) -> list[str]:
    return [
        f"{_entry(one)}  {one.kind} {one.what}  {one.activity if one.done else 'FAILED'}"
        + (f"  version {one.version}" if one.version else "")
        + (f"  {one.reason}" if one.reason else "")
        for one in changes
    ]


def _denials(denials: list[Denial]) -> list[str]:
    if len(denials) <= SHOWN:
        return [f"{_entry(one)}  {one.what}  {one.who or '?'}  {one.reason}" for one in denials]
    grouped = Counter((one.what, one.reason) for one in denials)
    return [f"{count:>8} times  {what}  {reason}" for (what, reason), count in grouped.most_common()]


def _entry(one: Gate | Change | Denial) -> str:
    return f"#{one.entry}  {_time(one.time, 'at no time')}"


def _time(milliseconds: int | None, otherwise: str) -> str:
    if milliseconds is None:
        return otherwise
    try:
        return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"{milliseconds} ms"


def _seconds(seconds: int) -> str:
    return _time(seconds * 1000, "")
