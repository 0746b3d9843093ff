"""What the entries of the period say: gates, rotations, denials, erasures, and how many of everything else."""

from __future__ import annotations

import base64
import re
from collections import Counter
from typing import Any, NamedTuple

from . import gaps
from .check import event_of

TOKEN = re.compile(rb'"sealed:v1:([A-Za-z0-9_-]{22}):[A-Za-z0-9_-]+"')
RESERVED = "guarita.ledger:"
SUBJECT_KEY = "subject key"
OWN = {"ledger-signing-key", "audit-log"}
"""Types of what the log writes about itself: its keys, and what of it was archived."""
FAILURE = 2
CLASSES = {
    2002: "vulnerability finding", 2003: "compliance finding", 2004: "detection finding",
    2006: "data security finding", 3001: "account change", 3002: "authentication", 3003: "authorize session",
    3004: "entity management", 3005: "user access management", 6002: "application lifecycle",
    6003: "API activity", 6007: "scan activity",
}  # fmt: skip
ACTIVITIES = {1: "created", 3: "updated", 4: "destroyed", 8: "enabled", 9: "disabled"}


class Gate(NamedTuple):
    """A verdict of the gate."""

    entry: int
    time: int | None
    result: str
    threshold: str
    revision: str
    tree: str
    policy: str
    failing: Any


class Change(NamedTuple):
    """A secret or key that was made, rotated, disabled or destroyed."""

    entry: int
    time: int | None
    what: str
    kind: str
    version: str
    activity: str
    done: bool
    reason: str


class Denial(NamedTuple):
    """Something that was refused."""

    entry: int
    time: int | None
    what: str
    who: str
    reason: str


class Facts:
    """Takes in entries one by one."""

    def __init__(self, since: int | None, until: int | None) -> None:
        """The period in ms since the epoch; None is open."""
        self.since, self.until = since, until
        self.gates: list[Gate] = []
        self.scans: dict[str, int] = {}
        self.changes: list[Change] = []
        self.denials: list[Denial] = []
        self.detections: list[Denial] = []
        self.own_changes: list[Change] = []
        self.classes: Counter[str] = Counter()
        self.beats: list[gaps.Beat] = []
        self.sealed: Counter[str] = Counter()
        self.erased: dict[str, int] = {}
        self.strange: list[int] = []
        self.timeless: list[int] = []
        self.backwards = 0
        self.first_time: int | None = None
        self.last_time: int | None = None
        self.edges: list[int | None] = []
        """The times of the first and the last entry shown, in the period or not."""

    def add(self, index: int, entry: bytes) -> None:
        """Take in one entry."""
        event = event_of(entry)
        time = event.get("time")
        time = time if gaps.is_number(time) else None
        self.edges[1:] = [time]
        if time is None:
            self.timeless.append(index)
        elif (self.since is not None and time < self.since) or (
            self.until is not None and time >= self.until
        ):
            self._heartbeat(index, event)
            return
        else:
            self.backwards += self.last_time is not None and time < self.last_time
            self.first_time = time if self.first_time is None else self.first_time
            self.last_time = time
        for key_id in TOKEN.findall(entry):
            self.sealed[base64.urlsafe_b64decode(key_id + b"==").hex()] += 1
        self._heartbeat(index, event)
        self._sort(index, time, event)

    def _heartbeat(self, index: int, event: dict[str, Any]) -> None:
        try:
            beat = gaps.beat_of(index, event)
        except ValueError:
            self.strange.append(index)
            return
        if beat is not None:
            self.beats.append(beat)

    def _sort(self, index: int, time: int | None, event: dict[str, Any]) -> None:
        uid = event.get("class_uid")
        self.classes[CLASSES.get(uid, "other") if type(uid) is int else "other"] += 1
        if not event:
            self.strange.append(index)
        elif uid == 2003 and text(event, "compliance", "control") == "guarita scan":  # noqa: PLR2004  # OCSF
            self.gates.append(_gate(index, time, event))
            self.scans.pop(text(event, "metadata", "correlation_uid"), None)
        elif uid == 6007:  # noqa: PLR2004  # OCSF
            self.scans[text(event, "scan", "uid")] = index
        elif uid == 3004:  # noqa: PLR2004  # OCSF
            self._entity(index, time, event)
        elif uid == 2004:  # noqa: PLR2004  # OCSF
            title = text(event, "finding_info", "title")
            self.detections.append(
                Denial(index, time, title, "", text(event, "finding_info", "analytic", "uid"))
            )
        elif uid in {3002, 3003, 6003} and event.get("status_id") == FAILURE:
            self.denials.append(_denial(index, time, event))

    def _entity(self, index: int, time: int | None, event: dict[str, Any]) -> None:
        kind = text(event, "entity", "type")
        activity = event.get("activity_id")
        change = Change(
            index,
            time,
            text(event, "entity", "uid"),
            kind,
            text(event, "entity", "version"),
            ACTIVITIES.get(activity, "changed") if type(activity) is int else "changed",
            event.get("status_id") == 1,
            text(event, "status_code"),
        )
        # Only the log itself gives such identifiers; an application that writes the like says its own word.
        own = text(event, "metadata", "uid").startswith(RESERVED)
        if own and kind == SUBJECT_KEY and change.activity == "destroyed":
            self.erased[change.what] = index
        elif own and kind in OWN:
            self.own_changes.append(change)
        else:
            self.changes.append(change)


def text(event: Any, *path: str) -> str:
    """The text at this place of an event; empty where there is none, and `(sealed)` for a sealed value."""
    for name in path:
        event = event.get(name) if isinstance(event, dict) else None
    if not isinstance(event, str | int) or isinstance(event, bool):
        return ""
    return "(sealed)" if str(event).startswith("sealed:v1:") else str(event)


def _gate(index: int, time: int | None, event: dict[str, Any]) -> Gate:
    ours = ("unmapped", "guarita")
    return Gate(
        index,
        time,
        {"Pass": "passed", "Fail": "failed"}.get(text(event, "compliance", "status"), "unknown"),
        text(event, *ours, "threshold"),
        _first(event, "version"),
        text(event, *ours, "digests", "tree"),
        text(event, *ours, "digests", "policy"),
        text(event, *ours, "failing"),
    )


def _first(event: dict[str, Any], name: str) -> str:
    resources = event.get("resources")
    return text(resources[0], name) if isinstance(resources, list) and resources else ""


def _denial(index: int, time: int | None, event: dict[str, Any]) -> Denial:
    what = text(event, "api", "operation") or text(event, "service", "name")
    if event.get("class_uid") == 3002:  # noqa: PLR2004  # OCSF
        what = f"logon to {what}"
    elif event.get("class_uid") == 3003:  # noqa: PLR2004  # OCSF
        what = "privileges"
    who = text(event, "user", "uid") or text(event, "actor", "user", "uid")
    return Denial(index, time, what, who, text(event, "status_code"))
