"""A verdict as the ledger holds it: proved to stand there, then read."""

from __future__ import annotations

import datetime as dt

import msgspec

from guarita.audit import Leaf, Ledger
from guarita.errors import UsageError
from guarita.policy.gate.finding import Severity
from guarita.policy.gate.verdict import PolicyOrigin, Result, State

VERDICT, SCAN = 2003, 6007
RESULTS = {"Pass": Result.PASSED, "Fail": Result.FAILED, "Unknown": Result.UNKNOWN}


class Waived(msgspec.Struct, frozen=True):
    """A finding that a waiver excused."""

    fingerprint: str
    rule: str
    severity: str
    until: dt.date
    otherwise: State = State.FAILING


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger says of one run of the gate."""

    index: int
    origin: str
    """The log's name."""
    signed: int
    """The size of the newest signed checkpoint that covers it; 0 where none does."""
    started: dt.datetime
    """UTC: the time that waivers were judged by."""
    result: Result
    threshold: Severity
    threshold_given: bool
    policy_origin: PolicyOrigin
    digests: dict[str, str]
    by_decision: dict[str, int]
    coverage: dict[str, int]
    failing: dict[str, str]
    """Rules by fingerprint, as far as they are listed."""
    failing_count: int
    waived: tuple[Waived, ...]
    revision: str
    base: str
    problems: tuple[str, ...]
    scanners: dict[str, str]
    """Engine and version by scanner."""
    version: str
    """Guarita's own."""


class _Product(msgspec.Struct):
    version: str = ""


class _Metadata(msgspec.Struct):
    product: _Product = msgspec.field(default_factory=_Product)
    correlation_uid: str = ""


class _Check(msgspec.Struct):
    uid: str = ""
    name: str = ""


class _Compliance(msgspec.Struct):
    status: str = "Unknown"
    checks: list[_Check] = []


class _Resource(msgspec.Struct):
    version: str = ""


class _Info(msgspec.Struct):
    types: list[str] = []


class _Ours(msgspec.Struct):
    threshold: Severity = Severity.MEDIUM
    threshold_given: bool = False
    policy_origin: PolicyOrigin = PolicyOrigin.DEFAULT
    digests: dict[str, str] = {}
    by_decision: dict[str, int] = {}
    coverage: dict[str, int] = {}
    failing: int = 0
    waived: list[Waived] = []
    base: str = ""
    problems: list[str] = []
    scanners: dict[str, str] = {}


class _Unmapped(msgspec.Struct):
    guarita: _Ours = msgspec.field(default_factory=_Ours)


class _Event(msgspec.Struct):
    class_uid: int = 0
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    finding_info: _Info = msgspec.field(default_factory=_Info)
    compliance: _Compliance = msgspec.field(default_factory=_Compliance)
    resources: list[_Resource] = []
    start_time: int = 0
    unmapped: _Unmapped = msgspec.field(default_factory=_Unmapped)

    @property
    def is_verdict(self) -> bool:
        """Whether it is the gate's, and not another compliance finding."""
        return self.class_uid == VERDICT and "gate" in self.finding_info.types


_decoder = msgspec.json.Decoder(_Event)


def past_verdict(ledger: Ledger, index: int) -> Past:
    """The verdict at an index, once both its entries are proved to stand in the log.

    Raises UsageError (`replay.not-a-verdict`, `audit.no-entry`), LedgerCorruptError when an entry is not what the
    log's root stands for, LedgerError `audit.archived`.
    """
    leaf, signed = ledger.included(index)
    verdict = _decoded(leaf)
    scan = _decoded(ledger.included(index - 1)[0]) if verdict is not None and index else None
    if verdict is None or not verdict.is_verdict:
        raise UsageError(
            "replay.not-a-verdict",
            f"entry {index} of {ledger.origin} is no verdict of the gate",
            hint="`guarita audit query --class compliance` lists verdicts with their indexes",
        )
    same = scan is not None and scan.metadata.correlation_uid == verdict.metadata.correlation_uid
    if scan is None or scan.class_uid != SCAN or not same:
        raise UsageError(
            "replay.not-a-verdict",
            f"the entry before {index} of {ledger.origin} is not the verdict's own scan",
        )
    ours = verdict.unmapped.guarita
    return Past(
        index=index,
        origin=ledger.origin,
        signed=signed,
        started=dt.datetime.fromtimestamp(scan.start_time / 1000, dt.UTC),
        result=RESULTS.get(verdict.compliance.status, Result.UNKNOWN),
        threshold=ours.threshold,
        threshold_given=ours.threshold_given,
        policy_origin=ours.policy_origin,
        digests=ours.digests,
        by_decision=ours.by_decision,
        coverage=ours.coverage,
        failing={check.uid: check.name for check in verdict.compliance.checks},
        failing_count=ours.failing,
        waived=tuple(ours.waived),
        revision=verdict.resources[0].version if verdict.resources else "",
        base=ours.base,
        problems=tuple(ours.problems),
        scanners=scan.unmapped.guarita.scanners,
        version=verdict.metadata.product.version,
    )


def is_verdict(leaf: Leaf) -> bool:
    """Whether an entry is a verdict of the gate."""
    event = _decoded(leaf)
    return event is not None and event.is_verdict


def _decoded(leaf: Leaf) -> _Event | None:
    try:
        return _decoder.decode(leaf.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
