"""The verdict: what the policy decided about every finding, and about the whole."""

from __future__ import annotations

import datetime as dt
import enum
from collections import Counter

import msgspec

from guarita.policy.frameworks.coverage import FrameworkCoverage
from guarita.policy.gate.coverage import Coverage
from guarita.policy.gate.finding import Finding, Severity


class Result(enum.Enum):
    """The gate's answer. Only `passed` passes."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


class State(enum.Enum):
    """What the policy decided about one finding. Only `failing` fails the gate."""

    FAILING = "failing"
    """At or above the threshold, and nothing excuses it."""
    BELOW = "below-threshold"
    WAIVED = "waived"
    """Excused by a waiver with owner, reason and a date that has not passed."""
    BASELINE = "baseline"
    """Known before: it stands in the baseline."""
    EXISTING = "existing"
    """With `--diff`: the base revision has it already."""
    SUPPRESSED = "suppressed"
    """Hidden by an inline comment that the policy accepts."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What the policy decided about one finding, and by which of its rules."""

    finding: Finding
    state: State
    threshold: Severity
    """The threshold that held at this place."""
    reason: str = ""
    """The rule that decided, in words: the waiver with its owner and date, the accepted suppression,
    the waiver that has expired, the suppression that the policy refuses."""
    tool_severity: Severity | None = None
    """The severity before an override of the policy, where there was one."""
    until: dt.date | None = None
    """For a waived finding: the last day on which this policy's waivers excuse it without a gap."""
    otherwise: State | None = None
    """What it would be at or above the threshold and without any waiver."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why the answer is unknown: a scanner that did not finish. Files have their own coverage."""

    code: str
    message: str
    scanner: str = ""
    hint: str = ""


class ScannerRun(msgspec.Struct, frozen=True, kw_only=True):
    """One scanner's part in the run."""

    name: str
    tool: str
    """Engine and version; empty when it could not be asked."""
    files: int
    """How many files it claimed."""
    seconds: float
    findings: int
    status: str
    """`done`, `idle` (nothing to scan), or the problem's code."""


class PolicyOrigin(enum.Enum):
    """Where the policy that judged came from."""

    FILE = "file"
    """`--policy FILE`."""
    BASE = "base"
    """The base revision of `--diff`."""
    TREE = "tree"
    """The scanned tree's own guarita.yaml: good for a person at home, no judge of a pull request."""
    DEFAULT = "default"
    """No policy was found anywhere: the built-in one."""


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """Where the verdict stands in the audit ledger."""

    origin: str
    """The log's name."""
    index: int
    """The verdict's leaf; the scan's own entry is the one before."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The gate's answer with everything it rests on: enough to run it again and get the same."""

    result: Result
    scan_id: str
    """UUID of the run."""
    started: dt.datetime
    """UTC."""
    seconds: float
    root: str
    """What was scanned, as the caller named it."""
    revision: str = ""
    """The commit of the scanned tree, empty outside git; ends in `+dirty` when the tree differs from it."""
    base: str = ""
    """With `--diff`: the base commit."""
    fail_on: Severity
    fail_on_given: bool = False
    """Whether the caller said so, which wins over the policy's thresholds everywhere."""
    policy_origin: PolicyOrigin
    policy_source: str
    """The policy's file or revision, in words."""
    digests: dict[str, str]
    """SHA-256, hex: `tree`, `policy`, `waivers`, `scanners`, `findings`."""
    decisions: tuple[Decision, ...]
    """Sorted: failing first, worst first, then by place."""
    coverage: Coverage
    problems: tuple[Problem, ...] = ()
    scanners: tuple[ScannerRun, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader should know beside the verdict: waivers that run out soon, waivers that match nothing."""
    frameworks: tuple[FrameworkCoverage, ...] = ()
    """Those that were asked for."""
    recorded: Recorded | None = None
    """Its entry in the audit ledger; None where there is none."""

    @property
    def failing(self) -> tuple[Decision, ...]:
        """The decisions that fail the gate."""
        return tuple(decision for decision in self.decisions if decision.state is State.FAILING)

    def by_state(self) -> dict[str, int]:
        """Findings by what was decided, each state present."""
        counted = Counter(decision.state for decision in self.decisions)
        return {state.value: counted[state] for state in State}

    def by_severity(self, state: State | None = None) -> dict[str, int]:
        """Findings by severity, worst first, each level present; of one state or of all."""
        counted = Counter(d.finding.severity for d in self.decisions if state is None or d.state is state)
        return {severity.value: counted[severity] for severity in reversed(Severity)}
