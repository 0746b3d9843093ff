"""Judging: the policy, the findings and the date go in, decisions come out. No I/O."""

from __future__ import annotations

import datetime as dt
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

import msgspec

from guarita.config import ScanSection, Waiver
from guarita.policy.gate.coverage import Coverage
from guarita.policy.gate.finding import Finding, Severity
from guarita.policy.gate.patterns import path_matches, rule_matches
from guarita.policy.gate.verdict import Decision, Problem, Result, State

SOON = dt.timedelta(days=30)


@dataclass
class Judge:
    """One policy on one day.

    `baseline` holds the fingerprints that were known before, `existing` those of the base revision.
    """

    policy: ScanSection
    today: dt.date
    baseline: Container[str] = ()
    existing: Container[str] = ()
    fail_on: Severity | None = None
    """`--fail-on`, which wins over the policy's threshold."""
    _used: set[int] = field(default_factory=set)

    def decide(self, findings: Iterable[Finding]) -> tuple[Decision, ...]:
        """Decide about every finding; failing ones first, worst first, then by place."""
        decisions = [self._decide(finding) for finding in findings]
        order = list(State)
        return tuple(
            sorted(
                decisions,
                key=lambda d: (
                    order.index(d.state),
                    -d.finding.severity.rank,
                    d.finding.location.path,
                    d.finding.location.line,
                    d.finding.rule,
                ),
            )
        )

    def excluded(self, path: str) -> tuple[str, str] | None:
        """The name and reason of the rule that leaves a path out, or None."""
        for exclusion in self.policy.exclude:
            if path_matches(path, exclusion.paths):
                return exclusion.name, exclusion.reason
        return None

    def notes(self) -> tuple[str, ...]:
        """What a reader should know about the waivers, after `decide`."""
        notes = []
        for index, waiver in enumerate(self.policy.waivers):
            name = waiver_name(waiver)
            if index not in self._used:
                notes.append(f"the waiver for {name} ({waiver.owner}) matches nothing: remove it")
            elif self.today <= waiver.expires <= self.today + SOON:
                notes.append(f"the waiver for {name} ({waiver.owner}) runs out on {waiver.expires}")
        return tuple(notes)

    def _decide(self, finding: Finding) -> Decision:
        rated, before = self._rated(finding)
        threshold = self._threshold(finding.location.path)
        waived, expired = self._waiver(rated)
        otherwise, reason = self._unwaived(rated, expired)
        state = otherwise
        if rated.severity < threshold:
            state, reason = State.BELOW, ""
        elif waived is not None:
            state = State.WAIVED
            reason = f"waived by {waived.owner} until {waived.expires}: {waived.reason}"
        return Decision(
            finding=rated,
            state=state,
            threshold=threshold,
            reason=reason,
            tool_severity=before,
            until=self._until(rated) if state is State.WAIVED else None,
            otherwise=otherwise,
        )

    def _rated(self, finding: Finding) -> tuple[Finding, Severity | None]:
        for override in self.policy.severity:
            if rule_matches(finding.rule, override.rule) and path_matches(
                finding.location.path, override.paths
            ):
                severity = Severity(override.severity)
                basis = f"set by the policy: {override.reason}"
                changed = msgspec.structs.replace(finding, severity=severity, severity_basis=basis)
                return changed, finding.severity
        return finding, None

    def _threshold(self, path: str) -> Severity:
        if self.fail_on is not None:
            return self.fail_on
        for rule in reversed(self.policy.paths):
            if path_matches(path, rule.paths):
                return Severity(rule.fail_on)
        return Severity(self.policy.fail_on)

    def _unwaived(self, finding: Finding, expired: str) -> tuple[State, str]:
        if finding.fingerprint in self.baseline:
            return State.BASELINE, "known before: it stands in the baseline"
        if finding.fingerprint in self.existing:
            return State.EXISTING, "the base revision has it already"
        reasons = [expired] if expired else []
        if finding.suppression is not None:
            for accepted in self.policy.inline_suppressions.accept:
                if rule_matches(finding.rule, accepted.rule) and path_matches(
                    finding.location.path, accepted.paths
                ):
                    return (
                        State.SUPPRESSED,
                        f"{finding.suppression.kind}, accepted by the policy: {accepted.reason}",
                    )
            reasons.append(f"{finding.suppression.kind} stands there, and the policy does not accept it")
        return State.FAILING, "; ".join(reasons)

    def _waiver(self, finding: Finding) -> tuple[Waiver | None, str]:
        expired = ""
        for index, waiver in enumerate(self.policy.waivers):
            if not waives(waiver, finding):
                continue
            self._used.add(index)
            if waiver.expires < self.today:
                expired = f"the waiver of {waiver.owner} expired on {waiver.expires}"
            elif self._too_far(waiver):
                expired = (
                    f"the waiver of {waiver.owner} reaches further than {self.policy.max_waiver_days} days"
                )
            else:
                return waiver, ""
        return None, expired

    def _until(self, finding: Finding) -> dt.date:
        """The last day of the unbroken time, from today on, in which some waiver excuses a finding."""
        last, days = self.today, self.policy.max_waiver_days
        matching = (w.expires for w in self.policy.waivers if waives(w, finding))
        for expires in sorted(expires for expires in matching if expires >= self.today):
            # One that reaches too far today comes into force later.
            if days is None or expires - dt.timedelta(days=days) <= last + dt.timedelta(days=1):
                last = expires
        return last

    def _too_far(self, waiver: Waiver) -> bool:
        days = self.policy.max_waiver_days
        return days is not None and waiver.expires > self.today + dt.timedelta(days=days)


def result(decisions: Iterable[Decision], coverage: Coverage, problems: Iterable[Problem]) -> Result:
    """The gate's answer. Unknown comes first: with a part unseen, nobody can say what is wrong in all."""
    if tuple(problems) or coverage.unknown:
        return Result.UNKNOWN
    failing = any(decision.state is State.FAILING for decision in decisions)
    return Result.FAILED if failing else Result.PASSED


def waives(waiver: Waiver, finding: Finding) -> bool:
    """Whether a waiver means a finding, whatever the day."""
    if waiver.rule is None and waiver.fingerprint is None:
        return False
    return (
        (waiver.rule is None or rule_matches(finding.rule, waiver.rule))
        and (waiver.fingerprint is None or finding.fingerprint.startswith(waiver.fingerprint))
        and path_matches(finding.location.path, waiver.paths)
        and (waiver.resource is None or waiver.resource == finding.resource)
    )


def waiver_name(waiver: Waiver) -> str:
    """What to call a waiver: its rule, else its fingerprint."""
    return waiver.rule or waiver.fingerprint or "nothing"
