"""What alerts are made of. Times are in ms since the epoch; each struct is stored as JSON."""

from __future__ import annotations

import hashlib
from typing import Final, Literal

import msgspec

from guarita.config.detection_alerts import LEVELS

EVIDENCE: Final = 20
"""Indices of entries, and identifiers of findings, that an alert keeps: the newest."""

Kind = Literal["trigger", "acknowledge", "resolve", "refresh"]
"""trigger: it is there, or there is more of it. refresh: it is still there, for a channel that forgets."""


def rank(level: str) -> int:
    """How bad a level is, from 0; an unknown word is as bad as the worst."""
    return LEVELS.index(level) if level in LEVELS else len(LEVELS) - 1


def digest(*parts: str) -> str:
    """A short name for what has these parts."""
    return hashlib.sha256("\0".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()[:16]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that is stored."""


class Finding(Record, frozen=True, kw_only=True):
    """What a rule detected, as the ledger says it (OCSF 2004)."""

    uid: str
    rule: str
    level: str
    title: str
    time: int
    group: dict[str, str] = {}
    """The values that the rule groups by, such as a user and an address."""
    tags: list[str] = []
    first: int
    last: int
    count: int = 1
    evidence: list[int] = []

    @property
    def key(self) -> str:
        """Findings of one key are one alert."""
        return digest(self.rule, *(f"{name}={value}" for name, value in sorted(self.group.items())))


class Line(Record, frozen=True, kw_only=True):
    """What is told of an alert."""

    key: str
    rule: str
    level: str
    title: str
    group: dict[str, str] = {}
    tags: list[str] = []
    first: int
    last: int
    count: int
    evidence: list[int] = []


class Alert(Line, frozen=True, kw_only=True):
    """Findings of one rule and one group, while they belong to one incident."""

    incident: str
    serial: int
    """Counts the alerts of an incident, from 1."""
    time: int
    """The event time of the finding that made it: from here latency is counted."""
    findings: dict[str, int] = {}
    """The newest findings, and how many detections each stands for."""
    notified: int | None = None
    """When a channel took it first."""
    held: bool = False
    """Whether a silence kept it back: then its latency says nothing."""


class Acknowledged(Record, frozen=True, kw_only=True):
    """Who has taken an incident on, and when."""

    by: str
    at: int


class Incident(Record, frozen=True, kw_only=True):
    """Alerts that are told, acknowledged and resolved together."""

    id: str
    route: str
    slot: str
    """Alerts of one slot share an incident while it is open."""
    source: str
    """Route and rule: how many are open of one source is bounded."""
    rule: str
    level: str
    title: str
    labels: dict[str, str] = {}
    flood: bool = False
    opened: int
    seen: int
    """When a finding came last, by the courier's clock."""
    alerts: int = 0
    fresh: bool = True
    """Whether alerts came that no notification was planned for."""
    told: list[str] = []
    """Channels that heard of it, in order; all of them hear of its end."""
    stages: list[str] = []
    """The route, and those that it was escalated to."""
    notify_at: int
    planned_at: int | None = None
    """When it was last decided to tell of it."""
    repeat_at: int | None = None
    escalate_at: int | None = None
    refresh_at: int | None = None
    acknowledged: Acknowledged | None = None
    resolved: int | None = None


class Message(Record, frozen=True, kw_only=True):
    """What a channel is to say. It is stored before it is sent, and is the same with every attempt."""

    id: str
    """The same with every attempt, another for everything else: by it a receiver drops what came twice."""
    kind: Kind
    incident: str
    route: str
    level: str
    rule: str
    title: str
    labels: dict[str, str] = {}
    opened: int
    first: int
    last: int
    count: int
    """Detections in all its alerts."""
    total: int
    """Alerts in all, of which `alerts` lists the worst and newest."""
    alerts: list[Line] = []
    flood: bool = False
    reply: bool = False
    """Whether the channel has heard of this incident before."""
    by: str | None = None
    """Who acknowledged it."""
    quiet_since: int | None = None
    """Of a resolve: when the last finding came."""
    failing: str | None = None
    """Of what goes to the fallback: the channel that does not take it."""
    test: bool = False


class Delivery(Record, frozen=True, kw_only=True):
    """What one channel has still to be told of one incident, and how far that is."""

    incident: str
    channel: str
    wants: list[Kind] = []
    """In order; the first is under way."""
    since: int = 0
    """Since when the first is wanted."""
    due: int = 0
    number: int = 0
    """Messages that were accepted or given up."""
    accepted: int = 0
    """Messages that were accepted."""
    reached: int = 0
    """The highest serial of alerts that were in an accepted message."""
    attempts: int = 0
    lease: str | None = None
    """Who is at it. Until `due` nobody else takes it up."""
    message: Message | None = None
    covers: list[str] = []
    """Keys of the alerts in that message which this channel, or anybody, had not heard of."""
    top: int = 0
    """The highest serial of alerts in that message."""
    told: bool = False
    """Whether the fallback and the ledger have heard that this fails."""
    failing: str | None = None
    """Of what goes to the fallback: the channel that does not take it."""
    error: str | None = None
    """The code of the last failure."""


class Silence(Record, frozen=True, kw_only=True):
    """Alerts that are not told for a while."""

    id: str
    matchers: dict[str, str]
    """`rule`, `level`, `tag` and `group.FIELD`, with * and ?. All must hold."""
    owner: str
    reason: str
    since: int
    until: int


class Cursor(Record, frozen=True, kw_only=True):
    """How far the ledger is read."""

    next: int = 0
    hash: str | None = None
    """The leaf hash (hex) of the entry before, so that another log is noticed."""
