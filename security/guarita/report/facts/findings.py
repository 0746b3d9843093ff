"""Open findings by age and owner, and waivers by their end: the verdicts that stand, and guarita.yaml."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from guarita.config.model import Waiver
from guarita.report.facts.gates import Branch, Open
from guarita.report.facts.interface import AHEAD, Window
from guarita.report.interface import Findings, OpenFinding, Standing, WaiverEnd
from guarita.report.tally import DAY_MS

LISTED: Final = 50
SOON: Final = 14
"""Days before a waiver's end that somebody should know of it."""
AGES: Final = {"0-7": 7, "8-30": 30, "31-90": 90}
OLDEST: Final = "91-"
UNKNOWN: Final = "unknown"
_SEVERITIES: Final = ("critical", "high", "medium", "low", "info")


def findings(
    branches: Sequence[Branch], waivers: Sequence[Waiver], window: Window, archived_until: int | None
) -> Findings:
    """What is open. `archived_until` is the time of the first entry that is here, where those before are archived."""
    whole = [branch for branch in branches if branch.whole]
    by_severity: Counter[str] = Counter()
    by_age: dict[str, Counter[str]] = {name: Counter() for name in (*AGES, OLDEST, UNKNOWN)}
    by_owner: Counter[str] = Counter()
    listed: list[OpenFinding] = []
    for branch in whole:
        for fingerprint, one in branch.open.items():
            since = one.since if 0 < one.since <= window.now + AHEAD else None
            owner = _owner(fingerprint, one, waivers)
            by_severity[one.severity] += 1
            by_age[_age(since, window.now)][one.severity] += 1
            by_owner[owner or ""] += 1
            listed.append(
                OpenFinding(
                    project=branch.project,
                    rule=one.rule,
                    fingerprint=fingerprint,
                    severity=one.severity,
                    since=since,
                    at_least=since is not None and archived_until is not None and since <= archived_until,
                    owner=owner,
                )
            )
    unlisted = sum(max(0, branch.failing - len(branch.open)) for branch in whole)
    # Those whose age is not known may be the oldest.
    listed.sort(key=lambda one: (one.since or 0, _SEVERITIES.index(one.severity), one.fingerprint))
    return Findings(
        known=bool(whole),
        total=len(listed) + unlisted,
        unlisted=unlisted,
        by_severity={name: by_severity[name] for name in _SEVERITIES},
        by_age={name: dict(counts) for name, counts in by_age.items()},
        by_owner=dict(sorted(by_owner.items(), key=lambda item: (-item[1], item[0]))),
        oldest=listed[:LISTED],
    )


def waiver_ends(waivers: Iterable[Waiver], today: dt.date) -> list[WaiverEnd]:
    """Every waiver, the one that ends first before the others."""
    ends = [
        WaiverEnd(
            owner=waiver.owner,
            reason=waiver.reason,
            what=", ".join(
                str(part)
                for part in (waiver.rule, waiver.fingerprint, waiver.resource, *(waiver.paths or ()))
                if part
            ),
            expires=waiver.expires.isoformat(),
            days=(days := (waiver.expires - today).days),
            standing=_ending(days),
        )
        for waiver in waivers
    ]
    return sorted(ends, key=lambda one: (one.expires, one.owner, one.what))


def _ending(days: int) -> Standing:
    return "bad" if days < 0 else "attention" if days <= SOON else "good"


def _owner(fingerprint: str, one: Open, waivers: Sequence[Waiver]) -> str | None:
    for waiver in waivers:
        # The event names neither path nor resource: a waiver that asks for these cannot be matched.
        if waiver.paths or waiver.resource:
            continue
        if waiver.fingerprint not in {None, fingerprint} or waiver.rule not in {None, one.rule}:
            continue
        if waiver.fingerprint or waiver.rule:
            return waiver.owner
    return None


def _age(since: int | None, now: int) -> str:
    if since is None:
        return UNKNOWN
    days = max(0, now - since) / DAY_MS
    return next((name for name, most in AGES.items() if days < most + 1), OLDEST)
