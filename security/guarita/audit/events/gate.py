"""Builders for the gate: the scan that ran (6007) and its verdict (2003)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec

from guarita.audit.events.classes import ComplianceFinding, ScanActivity
from guarita.audit.events.common import FAILURE, SUCCESS, head, severity_id
from guarita.audit.events.objects import Check, Compliance, FindingInfo, Policy, Resource, Scan

MAX_LISTED = 200
"""How many failing findings a verdict lists. The digest `findings` covers all of them."""
MAX_WAIVED = 100
"""How many waived findings it lists, those first whose waiver ends first."""

_PASS: Final = {"passed": 1, "failed": 3, "unknown": 0}
_STATUS: Final = {"passed": "Pass", "failed": "Fail", "unknown": "Unknown"}
_SCAN_COMPLETED, _SCAN_ERROR = 2, 6
_CREATED = 1


class FailingFinding(msgspec.Struct, frozen=True):
    """A finding that fails the gate, by its identity only: no path, no snippet, no message."""

    fingerprint: str
    rule: str
    severity: str
    """`info`, `low`, `medium`, `high` or `critical`."""


class WaivedFinding(msgspec.Struct, frozen=True, omit_defaults=True):
    """A finding that a waiver excuses: by its identity only, and without the waiver's owner."""

    fingerprint: str
    rule: str
    severity: str
    until: str
    """The last day on which the policy excuses it, YYYY-MM-DD."""
    otherwise: str = "failing"
    """What it is without a waiver: `failing`, or what else excuses it."""


def scan_activity(
    *,
    time: int,
    scan_uid: str,
    started: int,
    ended: int,
    completed: bool,
    files: Mapping[str, int],
    findings: Mapping[str, int],
    scanners: Mapping[str, str],
    digests: Mapping[str, str],
) -> ScanActivity:
    """A scan that ran: 6007 Scan Activity.

    `time`, `started`, `ended` are in ms since the epoch. `completed` is False when something could not
    run. `files` counts files by outcome (`scanned`, `excluded`, `unparseable`, `no-tool`), `findings` by
    severity, `scanners` maps each scanner to its engine and version, `digests` to SHA-256 in hex.
    """
    return ScanActivity(
        **head(
            6007,
            _SCAN_COMPLETED if completed else _SCAN_ERROR,
            time=time,
            severity=1,
            uid=f"scan:{scan_uid}",
            correlation_uid=scan_uid,
        ),
        status_id=SUCCESS if completed else FAILURE,
        scan=Scan(uid=scan_uid, name="guarita scan"),
        start_time=started,
        end_time=ended,
        duration=max(0, ended - started),
        num_files=files.get("scanned", 0),
        num_skipped_items=sum(files.values()) - files.get("scanned", 0),
        num_detections=sum(findings.values()),
        total=sum(files.values()),
        unmapped={
            "guarita": {
                "files": dict(files),
                "findings": dict(findings),
                "scanners": dict(scanners),
                "digests": dict(digests),
            }
        },
    )


def compliance_finding(
    *,
    time: int,
    scan_uid: str,
    result: Literal["passed", "failed", "unknown"],
    threshold: str,
    policy_origin: str,
    digests: Mapping[str, str],
    by_severity: Mapping[str, int],
    by_decision: Mapping[str, int],
    coverage: Mapping[str, int],
    failing: Iterable[FailingFinding] = (),
    waived: Iterable[WaivedFinding] = (),
    revision: str = "",
    base: str = "",
    problems: Iterable[str] = (),
    threshold_given: bool = False,
    frameworks: Mapping[str, Mapping[str, int]] | None = None,
) -> ComplianceFinding:
    """The gate's verdict: 2003 Compliance Finding.

    `time` is in ms since the epoch. `digests` holds SHA-256 in hex of `tree`, `policy`, `waivers`,
    `scanners` and `findings`: enough to run the gate again and compare. `failing` is cut after MAX_LISTED.
    `waived` after MAX_WAIVED. `problems` are codes of what could not run. `threshold_given` says that the caller
    gave the threshold, and not the policy. `frameworks` counts the controls of each framework that was asked
    for, as `passed`, `failed` and `not_checked`. Its severity is that of the worst failing finding.
    """
    failed = list(failing)
    worst = max((severity_id(finding.severity) for finding in failed), default=0)
    listed = [
        Check(
            uid=finding.fingerprint,
            name=finding.rule,
            severity_id=severity_id(finding.severity),
            status_id=_PASS["failed"],
        )
        for finding in failed[:MAX_LISTED]
    ]
    return ComplianceFinding(
        **head(
            2003,
            _CREATED,
            time=time,
            severity=worst or (0 if result == "unknown" else 1),
            uid=f"verdict:{scan_uid}",
            correlation_uid=scan_uid,
            profiles=("security_control",),
        ),
        finding_info=FindingInfo(uid=scan_uid, title=f"Guarita gate: {result}", types=["gate"]),
        compliance=Compliance(
            control="guarita scan", status_id=_PASS[result], status=_STATUS[result], checks=listed
        ),
        policy=Policy(name="guarita.yaml", uid=f"sha256:{digests.get('policy', '')}", type=policy_origin),
        resources=[
            Resource(
                uid=f"sha256:{digests.get('tree', '')}",
                type="source tree",
                version=revision or msgspec.UNSET,
            )
        ],
        unmapped={
            "guarita": {
                "threshold": threshold,
                "threshold_given": threshold_given,
                "policy_origin": policy_origin,
                "digests": dict(digests),
                "by_severity": dict(by_severity),
                "by_decision": dict(by_decision),
                "coverage": dict(coverage),
                "failing": len(failed),
                "waived": sorted(waived, key=lambda one: (one.until, one.fingerprint))[:MAX_WAIVED],
                "base": base,
                "problems": list(problems),
                "frameworks": {name: dict(counts) for name, counts in (frameworks or {}).items()},
            }
        },
    )
