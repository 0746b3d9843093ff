"""What a stored verdict would be: a report by any policy on any day, the ledger's own entry on any day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import msgspec

from guarita.config import ScanSection
from guarita.policy.gate.coverage import FileStatus
from guarita.policy.gate.judge import Judge
from guarita.policy.gate.verdict import Result, State
from guarita.scan.digests import policy_digest
from guarita.scan.replay.past import Past
from guarita.scan.reports.summary import place, plural
from guarita.scan.scanners.known import running
from guarita.scan.whatif.report import StoredReport

OWN_RULES = frozenset(
    (
        "audit-ledger",
        "binary",
        "large-binary",
        "lock-file",
        "nested-repository",
        "not-a-manifest",
        "not-asked",
        "renders-nothing",
        "special-file",
        "submodule",
        "symlink",
        "template",
    )
)
"""Rules by which the gate itself leaves a file out, as docs/gate.md lists them; all others are a policy's."""


class Change(msgspec.Struct, frozen=True):
    """A finding about which another decision would be made."""

    fingerprint: str
    rule: str
    place: str
    """Empty for the ledger's: it holds none."""
    then: str
    """A state, or `not scanned`."""
    now: str
    reason: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What one verdict would be."""

    source: str
    """The report's file, or the entry in the ledger."""
    judged: dt.datetime
    """When it was, UTC."""
    then: Result
    now: Result
    changes: tuple[Change, ...] = ()
    unknown: tuple[str, ...] = ()
    """Why nobody can say, where that is so."""


def by_policy(
    source: str,
    report: StoredReport,
    policy: ScanSection,
    today: dt.date,
    baseline: frozenset[str] = frozenset(),
) -> Answer:
    """A report by a policy on a day. `baseline` replaces what was known then, where it is not empty.

    Findings at paths that the policy leaves out are gone. Files that it does not leave out and that were left out
    then, and scanners that it asks for and that did not run, make the answer unknown.
    """
    known = {
        state: {d.finding.fingerprint for d in report.decisions if state in (d.state, d.otherwise)}
        for state in State
    }
    judge = Judge(
        policy,
        today,
        baseline=baseline or known[State.BASELINE],
        existing=known[State.EXISTING],
        fail_on=report.fail_on if report.fail_on_given else None,
    )
    then = {decision.finding.fingerprint: decision.state for decision in report.decisions}
    found = [decision.as_found() for decision in report.decisions]
    out = {f.fingerprint for f in found if judge.excluded(f.location.path) is not None}
    changes = [
        Change(f.fingerprint, f.rule, f.location.path, then[f.fingerprint].value, "left out")
        for f in found
        if f.fingerprint in out
    ]
    decisions = judge.decide(f for f in found if f.fingerprint not in out)
    changes += [
        Change(
            d.finding.fingerprint,
            d.finding.rule,
            place(d),
            then[d.finding.fingerprint].value,
            d.state.value,
            d.reason,
        )
        for d in decisions
        if d.state is not then[d.finding.fingerprint]
    ]
    unknown = tuple(_unseen(report, policy, judge))
    failing = any(decision.state is State.FAILING for decision in decisions)
    return Answer(
        source=source,
        judged=report.started,
        then=report.result,
        now=Result.UNKNOWN if unknown else Result.FAILED if failing else Result.PASSED,
        changes=tuple(changes),
        unknown=unknown,
    )


def _unseen(report: StoredReport, policy: ScanSection, judge: Judge) -> Iterator[str]:
    if report.result is Result.UNKNOWN:
        yield "it was unknown then"
    if policy_digest(policy) == report.digests.get("policy"):
        return  # the policy that judged: what it did not look at then, the caller had left out
    ran = {scanner.name for scanner in report.scanners}
    for name in running(policy.scanners, packs=policy.packs):
        if name not in ran:
            yield f"the scanner {name} did not run then"
    fresh = [
        file.name
        for file in report.coverage.files
        if file.status is FileStatus.EXCLUDED
        and file.rule not in OWN_RULES
        and judge.excluded(file.name) is None
    ]
    if fresh:
        yield f"left out then and not now: {plural(len(fresh), 'file')}"


def by_date(past: Past, today: dt.date) -> Answer:
    """A verdict of the ledger on another day, by its own policy.

    A finding that failed stays failing, though a waiver that reached too far might come into force.
    """
    source = f"entry {past.index} of {past.origin}"
    gone = [one for one in past.waived if one.until < today]
    counted = past.by_decision.get(State.WAIVED.value, 0)
    # Those whose waiver ends first are listed first: while the last one listed holds, so do the others.
    cut = counted > len(past.waived) and len(gone) == len(past.waived)
    unknown = (
        *(("it was unknown then",) if past.result is Result.UNKNOWN else ()),
        *(
            (f"{counted - len(past.waived)} of its waived findings are not listed: judge a JSON report",)
            if cut
            else ()
        ),
    )
    failing = past.result is Result.FAILED or any(one.otherwise is State.FAILING for one in gone)
    return Answer(
        source=source,
        judged=past.started,
        then=past.result,
        now=Result.UNKNOWN if unknown else Result.FAILED if failing else Result.PASSED,
        changes=tuple(
            Change(
                one.fingerprint,
                one.rule,
                "",
                State.WAIVED.value,
                one.otherwise.value,
                f"its waivers end on {one.until}",
            )
            for one in gone
        ),
        unknown=unknown,
    )
