"""The gate's entry in the audit ledger: the scan that ran (6007) and its verdict (2003), side by side."""

from __future__ import annotations

import datetime as dt

import msgspec

from guarita.audit import Ledger, LedgerError, default_ledger, events, open_settings, settings_of
from guarita.config import LedgerSection
from guarita.policy.gate.verdict import Problem, Recorded, Result, State, Verdict

NONE = "none"
"""`--ledger none`: the caller declares that this run leaves no record."""


def open_record(given: str | None, section: LedgerSection) -> Ledger | None:
    """The ledger that the verdict goes to, opened before the scan, so that a wrong one costs no scan.

    `given` is `--ledger`, `section` what the policy that judges says of its ledger: a tree under review does
    not choose where its verdict is written. None means that the caller declined. Raises UsageError and
    LedgerError as `open_ledger`.
    """
    found = settings_of(section, given, default=default_ledger())
    if found.url == NONE:
        return None
    # A process that ends in a moment has nowhere to hold back what the ledger does not take.
    return open_settings(msgspec.structs.replace(found, when_unwritable="deny"))


def recorded(verdict: Verdict, ledger: Ledger | None) -> Verdict:
    """Append the verdict, and give it back with its place in the ledger.

    A verdict that cannot be written down is unknown: a gate without its record proves nothing.
    """
    if ledger is None:
        return msgspec.structs.replace(verdict, notes=(*verdict.notes, "no record: --ledger none"))
    try:
        _, written = ledger.append_all(_events(verdict))
    except LedgerError as error:
        return unrecorded(verdict, error)
    return msgspec.structs.replace(verdict, recorded=Recorded(origin=ledger.origin, index=written.index))


def unrecorded(verdict: Verdict, error: LedgerError) -> Verdict:
    """The verdict, unknown because its record failed."""
    problem = Problem(
        code=error.code, message=f"the verdict is not in the ledger: {error.message}", hint=error.hint or ""
    )
    return msgspec.structs.replace(
        verdict, result=Result.UNKNOWN, problems=(*verdict.problems, problem), recorded=None
    )


def _events(verdict: Verdict) -> list[events.Event]:
    started = _ms(verdict.started)
    ended = started + round(verdict.seconds * 1000)
    return [
        events.scan_activity(
            time=ended,
            scan_uid=verdict.scan_id,
            started=started,
            ended=ended,
            completed=not verdict.problems,
            files=verdict.coverage.counts(),
            findings=verdict.by_severity(),
            scanners={run.name: run.tool for run in verdict.scanners},
            digests=verdict.digests,
        ),
        events.compliance_finding(
            time=ended,
            scan_uid=verdict.scan_id,
            result=verdict.result.value,
            threshold=verdict.fail_on.value,
            policy_origin=verdict.policy_origin.value,
            digests=verdict.digests,
            by_severity=verdict.by_severity(),
            by_decision=verdict.by_state(),
            coverage=verdict.coverage.counts(),
            failing=[
                events.FailingFinding(d.finding.fingerprint, d.finding.rule, d.finding.severity.value)
                for d in verdict.failing
            ],
            waived=[
                events.WaivedFinding(
                    d.finding.fingerprint,
                    d.finding.rule,
                    d.finding.severity.value,
                    d.until.isoformat(),
                    (d.otherwise or State.FAILING).value,
                )
                for d in verdict.decisions
                if d.until is not None
            ],
            revision=verdict.revision,
            base=verdict.base,
            problems=[problem.code for problem in verdict.problems],
            threshold_given=verdict.fail_on_given,
            frameworks={one.name: one.counts() for one in verdict.frameworks},
        ),
    ]


def _ms(moment: dt.datetime) -> int:
    return round(moment.timestamp() * 1000)
