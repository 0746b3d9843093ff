"""What every report says in the same words: the answer in a line, its reason, and what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from guarita.policy.frameworks.coverage import ControlCoverage, FrameworkCoverage
from guarita.policy.gate.finding import Severity
from guarita.policy.gate.verdict import Decision, PolicyOrigin, Result, State, Verdict
from guarita.scan.reports.escape import printable

STATES = {
    State.FAILING: "failing",
    State.BELOW: "below the threshold",
    State.WAIVED: "waived",
    State.BASELINE: "in the baseline",
    State.EXISTING: "in the base revision already",
    State.SUPPRESSED: "suppressed inline",
}
"""Each state in words."""
EXCUSED = (State.WAIVED, State.BASELINE, State.EXISTING, State.SUPPRESSED)
"""States in which the policy lets a finding through that would fail otherwise."""
SOME = 6
"""Rules that are named where there may be many."""
ORIGINS = {
    PolicyOrigin.FILE: "from a file that was named",
    PolicyOrigin.BASE: "from the base revision",
    PolicyOrigin.TREE: "from the scanned tree itself",
    PolicyOrigin.DEFAULT: "built in: no policy was found",
}
"""Each origin of the policy in words."""


NO_CERTIFICATE = (
    "A control that passed has no fault that its checks look for, in what was read. That is no certification, and no "
    "statement of an auditor; what was not checked is open."
)
"""What every report says beside the controls of a framework."""


def controls(one: FrameworkCoverage) -> str:
    """How a framework's controls ended, in words: `2 passed, 1 failed, 9 not checked`."""
    return ", ".join(f"{count:,} {status.replace('_', ' ')}" for status, count in one.counts().items())


def standing(control: ControlCoverage) -> str:
    """What stands against a control: findings by state, and the rules."""
    rules = dict.fromkeys(printable(one.rule) for one in control.standing)
    named = ", ".join(list(rules)[:SOME]) + (f" and {len(rules) - SOME} more" if len(rules) > SOME else "")
    counted = Counter(STATES[State(one.state)] for one in control.standing)
    return f"{', '.join(f'{count:,} {state}' for state, count in counted.items())}: {named}"


def plural(count: int, one: str, many: str = "") -> str:
    """The count with its noun: `1 file`, `1,204 files`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def levels(counts: dict[str, int]) -> str:
    """Counts by severity in words, without the empty ones: `3 critical, 11 high`."""
    return ", ".join(f"{count:,} {level}" for level, count in counts.items() if count)


def why(verdict: Verdict) -> str:
    """The reason for the answer, in one sentence without its full stop."""
    failing = verdict.failing
    counted = f"{plural(len(failing), 'finding')} ({levels(verdict.by_severity(State.FAILING))})"
    if verdict.result is Result.FAILED:
        return f"{counted} {'reaches' if len(failing) == 1 else 'reach'} the threshold"
    if verdict.result is Result.PASSED:
        return (
            f"{_nothing_fails(verdict)}; all of {plural(len(verdict.coverage.files), 'file')} accounted for"
        )
    files, problems = len(verdict.coverage.unknown), len(verdict.problems)
    unseen = " and ".join(
        part
        for part in (
            f"{plural(files, 'file')} could not be judged" if files else "",
            f"{plural(problems, 'scanner')} did not finish" if problems else "",
        )
        if part
    )
    seen = f"; what was seen has {counted} that {'fails' if len(failing) == 1 else 'fail'}" if failing else ""
    return (unseen or "a part was not seen") + seen


def _nothing_fails(verdict: Verdict) -> str:
    states = verdict.by_state()
    excused = [f"{states[state.value]:,} {STATES[state]}" for state in EXCUSED if states[state.value]]
    if excused:
        return f"nothing fails that is not excused ({', '.join(excused)})"
    if any(decision.threshold is not verdict.fail_on for decision in verdict.decisions):
        return "no finding reaches its threshold"
    return f"no finding of {verdict.fail_on.value} severity or worse"


def policy(verdict: Verdict) -> str:
    """The policy that judged and where it came from."""
    origin = verdict.policy_origin
    if verdict.policy_source == "built-in" and origin in {PolicyOrigin.DEFAULT, PolicyOrigin.BASE}:
        return ORIGINS[PolicyOrigin.DEFAULT] + (
            " in the base revision" if origin is PolicyOrigin.BASE else ""
        )
    return f"{verdict.policy_source}, {ORIGINS[origin]}"


def next_steps(verdict: Verdict) -> list[tuple[str, str]]:
    """What to do now, as (words, command) pairs; the command may be empty.

    `…` stands for what was given to the command this time: paths, policy, scanners.
    """
    steps = []
    if verdict.problems or verdict.coverage.unknown:
        steps.append(("Mend what could not be judged, or exclude it by a named rule in the policy", ""))
    if verdict.failing:
        first = verdict.failing[0].finding.fingerprint[:12]
        steps.append(("Fix the findings, worst first, and run again", ""))
        waiver = f"a waiver with `fingerprint: {first}`, owner, reason and expiry in the policy"
        steps.append((f"Or excuse one for a time: {waiver}", ""))
        if not (verdict.base or verdict.by_state()[State.BASELINE.value]):
            steps.append(
                (
                    "Or start from today: keep what is known and fail on what is new",
                    "guarita scan … --write-baseline known.json",
                )
            )
    if verdict.result is not Result.PASSED or verdict.decisions:
        steps.append(("Read all of it in a browser", "guarita scan … --output html=report.html"))
    return steps


def worst_first(decisions: Iterable[Decision]) -> list[Decision]:
    """Failing first, then by severity; places stay in order."""
    return sorted(decisions, key=lambda d: (d.state is not State.FAILING, -d.finding.severity.rank))


def place(decision: Decision) -> str:
    """Where the finding stands, printable: `path:line`, `path (page 3)`, or the path alone."""
    where = decision.finding.location
    path = printable(where.path)
    line = f"{path}:{where.line}" if where.line > 0 else path
    # Once more as a whole: a path that ends in a colon must not make `::` with the line's.
    return printable(f"{line} ({where.label})" if where.label else line)


def by_rule(decisions: Iterable[Decision]) -> list[tuple[str, str, Severity, int, int]]:
    """Rule, title, worst severity, findings and files, worst and most first."""
    counts: Counter[str] = Counter()
    files: dict[str, set[str]] = {}
    seen: dict[str, tuple[str, Severity]] = {}
    for decision in decisions:
        finding = decision.finding
        counts[finding.rule] += 1
        files.setdefault(finding.rule, set()).add(finding.location.path)
        title, worst = seen.get(finding.rule, (finding.title, finding.severity))
        seen[finding.rule] = (title, max(worst, finding.severity))
    rows = [(rule, *seen[rule], counts[rule], len(files[rule])) for rule in counts]
    return sorted(rows, key=lambda row: (-row[2].rank, -row[3], row[0]))
