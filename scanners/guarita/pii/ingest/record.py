"""A check's entry in the audit ledger: OCSF 2006 with types, counts and fingerprints, never the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from guarita.audit import Ledger, events
from guarita.audit.events.common import Level
from guarita.pii.handling import Decision
from guarita.pii.ingest.interface import Outcome, Recorded

LISTED: Final = 200
"""Fingerprints that an event lists at most; `fingerprints_cut` says that there are more."""
_LEVELS: Final[Mapping[Decision, Level]] = {
    Decision.ALLOW: "info",
    Decision.REDACT: "low",
    Decision.REVIEW: "medium",
    Decision.BLOCK: "high",
}


def recorded(
    ledger: Ledger,
    outcome: Outcome,
    *,
    time: int,
    tenant: str,
    policy: str,
    period: str,
    output: str,
    uid: str,
) -> Recorded:
    """Append the event of a check, once for each `uid`.

    `time` is in ms since the epoch, `policy` the digest of the settings, `period` that of the fingerprints, `output` the redacted document's
    keyed digest. Raises LedgerError.
    """
    appended = ledger.append(
        events.data_security_finding(
            time=time,
            finding_uid=uid,
            document=outcome.document,
            counts=outcome.counts,
            decision=outcome.decision.value,
            severity=_LEVELS[outcome.decision],
            details={
                "tenant": tenant,
                "source": outcome.source[:512],
                "policy": policy,
                "fingerprint_period": period,
                **_details(outcome, output),
            },
            uid=uid,
        )
    )
    return Recorded(ledger.origin, appended.index)


def _details(outcome: Outcome, output: str) -> dict[str, Any]:
    fingerprints = sorted({(item.entity, item.fingerprint) for item in outcome.findings if item.fingerprint})
    details: dict[str, Any] = {
        "kind": outcome.kind,
        "reasons": sorted({reason.code for reason in outcome.reasons}),
        "rules": dict(Counter(item.rule for item in outcome.findings)),
        "classes": dict(Counter(item.data_class for item in outcome.findings)),
        "suspects": sum(item.suspect for item in outcome.findings),
        "unread": outcome.unread,
        "fingerprints": [{"type": entity, "uid": uid} for entity, uid in fingerprints[:LISTED]],
        "fingerprints_cut": len(fingerprints) > LISTED or len(outcome.findings) < outcome.total,
    }
    if outcome.redacted is not None:
        details["redaction"] = {
            "read_again": "clean",
            "output": output,
            "edits": outcome.redacted.edits,
            "removed": outcome.redacted.removed,
            "rounds": outcome.redacted.rounds,
        }
    return details
