"""What the gate said of a revision, as the ledger proves it: for a delivery that asks before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from guarita.audit.ledger import Ledger
from guarita.audit.query import Found, Query

_CLASS: Final = 2003
_RESULTS: Final[Mapping[int, Literal["passed", "failed"]]] = {1: "passed", 3: "failed"}


class ProvedVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict of the gate that stands in a signed tree."""

    revision: str
    result: Literal["passed", "failed", "unknown"]
    index: int
    time: int
    """When it was given, in ms since the epoch."""
    policy: str
    """SHA-256 of the policy that judged, in hex."""
    policy_origin: str
    signed: int
    """The size of the signed tree that it stands in."""


def proved_verdict(
    ledger: Ledger, revision: str, *, policy: str | None = None, since: int = 0
) -> ProvedVerdict | None:
    """The newest verdict on exactly this revision, proved to stand under the log's newest checkpoint; None without one.

    The whole log is verified with it: a later verdict that somebody turned into something else would leave the proof of
    an earlier one good.

    `policy` is the digest of the only policy that counts, `since` the earliest moment that does (ms since the epoch).
    The newest counts whatever it says: who scans again and fails has failed. Verdicts on a tree with changes that are
    not in the revision name another (`…+dirty`). Raises UsageError `audit.not-signed` while no checkpoint covers it,
    LedgerError and LedgerCorruptError as `Ledger.prove` and `Ledger.verify`.
    """
    newest = None
    for found in ledger.query(Query(class_uid=_CLASS, text=revision, since=since)):
        if _on(found.event, revision) and policy in {None, _policy(found.event)}:
            newest = found
    return None if newest is None else _proved(ledger, newest, revision)


def _proved(ledger: Ledger, found: Found, revision: str) -> ProvedVerdict:
    ledger.prove(found.index)
    verified = ledger.verify()
    event = found.event
    status = event.get("compliance", {}).get("status_id")
    return ProvedVerdict(
        revision=revision,
        result=_RESULTS.get(status, "unknown"),
        index=found.index,
        time=event["time"],
        policy=_policy(event),
        policy_origin=str(event.get("policy", {}).get("type", "")),
        signed=verified.signed,
    )


def _on(event: Mapping[str, Any], revision: str) -> bool:
    is_gate = "gate" in event.get("finding_info", {}).get("types", ())
    return is_gate and any(one.get("version") == revision for one in event.get("resources", ()))


def _policy(event: Mapping[str, Any]) -> str:
    return str(event.get("policy", {}).get("uid", "")).removeprefix("sha256:")
