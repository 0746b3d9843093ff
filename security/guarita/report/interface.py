"""The posture as data: what `guarita report --json` prints, and what the page is made of.

Times are in ms since the epoch, days are ISO dates (UTC). What is not known is None, and never a good number.
"""

from __future__ import annotations

from typing import Literal

import msgspec

FORMAT = 1
"""Of this document. It grows with a change that a reader has to know of."""

Standing = Literal["good", "attention", "bad", "unknown"]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the posture."""


class DayCount(Part, frozen=True, kw_only=True):
    """What one day counts, by name."""

    day: str
    counts: dict[str, int]


class Count(Part, frozen=True, kw_only=True):
    """How often something was."""

    name: str
    count: int


class Ranking(Part, frozen=True, kw_only=True):
    """The most frequent names of something, the most frequent first."""

    top: list[Count]
    total: int
    others: int
    """Of the total, what the names that are not listed have."""
    exact: bool
    """False where there were too many names to count each: then the counts are lower bounds."""


class Damage(Part, frozen=True, kw_only=True):
    """Why the ledger cannot be relied on."""

    code: str
    message: str
    index: int | None
    """The first entry that is wrong, where it can be placed."""
    hint: str | None = None


class SinkState(Part, frozen=True, kw_only=True):
    """How far one sink is."""

    name: str
    behind: int
    """Entries that it has not confirmed."""
    failing_since: int | None = None
    code: str | None = None
    configured: bool = True


class WriterState(Part, frozen=True, kw_only=True):
    """What the heartbeats of one writer say."""

    name: str
    last: int
    stopped: bool
    silent: bool
    """It should have been heard by now, and was not."""
    missing: int
    """Beats that are not there."""
    late: int
    """Times that it was silent for longer than it promised."""


class GapState(Part, frozen=True, kw_only=True):
    """A time in which the ledger could not be written."""

    since: int
    until: int
    refused: int
    held: int
    reason: str


class LedgerHealth(Part, frozen=True, kw_only=True):
    """The ledger itself."""

    origin: str | None
    size: int | None
    archived: int = 0
    """Bodies below this index are in an archive: what they say is not part of the posture."""
    verified: int | None = None
    """Entries below this index were read, compared with their hashes, and stand under the signed root."""
    signed: int | None = None
    """The size of the newest signed checkpoint; None while there is none."""
    signed_until: int | None = None
    """The time of the last entry that it covers."""
    unsigned_since: int | None = None
    """The time of the first entry that no checkpoint covers."""
    pinned: bool = False
    """Whether the signatures were checked by a key that guarita.yaml names."""
    checkpoints: int = 0
    damage: Damage | None = None
    sinks: list[SinkState] = []
    writers: list[WriterState] = []
    gaps: list[GapState] = []
    """The newest, and `gap_count` in all."""
    gap_count: int = 0


class GateRow(Part, frozen=True, kw_only=True):
    """The verdicts on one branch of one project, as far as the events name them."""

    project: str
    branch: str
    control: str
    result: Literal["passed", "failed", "unknown"]
    """Of the newest."""
    at: int
    revision: str
    passed: int
    failed: int
    unknown: int
    stands: bool
    """Whether the project is judged by this branch."""


class Gates(Part, frozen=True, kw_only=True):
    """Verdicts over time."""

    days: list[DayCount]
    rows: list[GateRow]
    more: int
    """Branches that are not listed."""


class OpenFinding(Part, frozen=True, kw_only=True):
    """A finding that fails the gate today."""

    project: str
    rule: str
    fingerprint: str
    severity: str
    since: int | None
    """When the first verdict listed it that has stood since; None where that time cannot be."""
    at_least: bool
    """It may be older: entries before that verdict are archived."""
    owner: str | None
    """Whoever answers for it by a waiver of guarita.yaml, be it expired; None where nobody is named."""


class Findings(Part, frozen=True, kw_only=True):
    """What fails, by the newest whole verdict on each project."""

    known: bool
    """False while there is no verdict on a whole tree."""
    total: int
    unlisted: int
    """Of them, those that their verdict counts and does not list."""
    by_severity: dict[str, int]
    by_age: dict[str, dict[str, int]]
    """By age in days (`0-7`, `8-30`, `31-90`, `91-`, `unknown`), and severity."""
    by_owner: dict[str, int]
    """The empty name is for those that nobody answers for."""
    oldest: list[OpenFinding]


class WaiverEnd(Part, frozen=True, kw_only=True):
    """A waiver of guarita.yaml."""

    owner: str
    reason: str
    what: str
    expires: str
    days: int
    """Until its last day; negative when that has passed."""
    standing: Standing


class SecretAge(Part, frozen=True, kw_only=True):
    """A secret and its limit."""

    name: str
    kind: str
    limit_days: float | None
    """None for one that guarita.yaml does not name."""
    due_days: float | None
    made: int | None
    """When the value in force was made, by the ledger; None where no finished rotation stands there."""
    state: Literal["fresh", "due", "overdue", "unknown"]
    under_way: str | None = None
    """The phase of a rotation that has not ended."""
    failed: str | None = None
    """Why the last rotation was taken back."""
    contact: str | None = None


class Denials(Part, frozen=True, kw_only=True):
    """What the gateway refused."""

    days: list[DayCount]
    total: int
    granted: int
    untold: int
    """Decisions that were made and could not be recorded."""
    codes: Ranking
    rules: Ranking
    principals: Ranking
    """As the ledger has them: of a sealed one the name of its key."""


class PersonalData(Part, frozen=True, kw_only=True):
    """Checks of documents. A document that was checked twice counts twice."""

    days: list[DayCount]
    """By decision."""
    checks: int
    decisions: dict[str, int]
    classes: Ranking
    types: Ranking
    sources: Ranking
    tenants: Ranking
    suspects: int
    unread: int


class Detections(Part, frozen=True, kw_only=True):
    """What rules found."""

    days: list[DayCount]
    """By level."""
    total: int
    rules: Ranking


class AlertTimes(Part, frozen=True, kw_only=True):
    """First alerts of one level against their deadline."""

    level: str
    kept: int
    missed: int
    unlimited: int
    """Without a deadline."""
    median_ms: int | None
    worst_ms: int | None
    deadline_ms: int | None


class OpenIncident(Part, frozen=True, kw_only=True):
    """An incident that somebody was told of and that is not over."""

    incident: str
    rule: str
    level: str
    since: int
    acknowledged: bool


class Alerts(Part, frozen=True, kw_only=True):
    """Whether people heard in time."""

    times: list[AlertTimes]
    failed: int
    abandoned: int
    escalated: int
    silenced: int
    open: list[OpenIncident]
    open_count: int


class Framework(Part, frozen=True, kw_only=True):
    """Controls of one framework by the verdicts that stand."""

    name: str
    passed: int
    failed: int
    not_checked: int
    projects: int


class Unread(Part, frozen=True, kw_only=True):
    """Entries that the posture leaves out."""

    archived: int
    malformed: int
    future: int
    """Events whose time lies ahead of this machine's clock: no day counts them."""


class Facts(Part, frozen=True, kw_only=True):
    """What the ledger and guarita.yaml say."""

    configured: bool
    """Whether there is a guarita.yaml: without it limits and waivers are not known."""
    gates: Gates
    findings: Findings
    waivers: list[WaiverEnd]
    secrets: list[SecretAge]
    denials: Denials
    personal: PersonalData
    detections: Detections
    alerts: Alerts
    frameworks: list[Framework]
    unread: Unread


class Step(Part, frozen=True, kw_only=True):
    """What to do next: a stable code with what it is about, and a command where one helps."""

    code: str
    standing: Standing
    count: int
    names: list[str] = []
    """The first few of what it is about."""
    command: str | None = None


class Posture(Part, frozen=True, kw_only=True):
    """Where the platform stands."""

    format: Literal[1] = 1
    generated: int
    window_days: int
    first_day: str
    """The first day that is counted; the last is that of `generated`."""
    ledger: LedgerHealth
    facts: Facts | None
    """None where the ledger is damaged: nothing that it says is repeated then."""
    steps: list[Step]
