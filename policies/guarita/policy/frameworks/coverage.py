"""What a scan says of a framework: each control passed, failed or not checked, and what that rests on. No I/O."""

from __future__ import annotations

import enum
import fnmatch
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from guarita.policy.frameworks.model import Control, Framework, Reach
from guarita.policy.gate.finding import Finding


class Status(enum.Enum):
    """What was found of one control."""

    PASSED = "passed"
    """A mapped check ran over something that it applies to, and none found a fault."""
    FAILED = "failed"
    """A fault stands, whether the gate's policy excuses it or not."""
    NOT_CHECKED = "not_checked"
    """No check is mapped, or none ran over anything that it applies to, or a part was not seen."""


class Standing(msgspec.Struct, frozen=True):
    """A finding against a control, and what the gate's policy made of it."""

    fingerprint: str
    rule: str
    state: str


class Ran(msgspec.Struct, frozen=True):
    """A check that ran, and over what."""

    check: str
    over: str
    """`14 files with workloads`."""


class ControlCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """One control."""

    id: str
    title: str
    status: Status
    reason: str
    """Why, in words."""
    ran: tuple[Ran, ...] = ()
    standing: tuple[Standing, ...] = ()

    @property
    def excused(self) -> bool:
        """Whether a fault stands and the gate's policy lets each of them through."""
        return bool(self.standing) and all(one.state != "failing" for one in self.standing)


class FrameworkCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """A framework's controls in its own order."""

    name: str
    title: str
    edition: str
    controls: tuple[ControlCoverage, ...]

    def counts(self) -> dict[str, int]:
        """Controls by status, each present."""
        counted = Counter(control.status for control in self.controls)
        return {status.value: counted[status] for status in Status}


def covered(
    framework: Framework,
    reach: Reach,
    *,
    things: Mapping[str, int],
    findings: Iterable[tuple[Finding, str]],
    unseen: str = "",
) -> FrameworkCoverage:
    """The coverage of a framework.

    `things` says how many files hold each kind of thing, of those that its scanner read to the end. `findings` are
    pairs of a finding and its state in the gate. `unseen` says in words what the scan could not see, empty where
    it saw everything: then nothing passes, since the fault may stand there.
    """
    found = [(names_of(finding), finding, state) for finding, state in findings]
    return FrameworkCoverage(
        name=framework.name,
        title=framework.title,
        edition=framework.edition,
        controls=tuple(_control(control, reach, things, found, unseen) for control in framework.controls),
    )


def names_of(finding: Finding) -> tuple[str, ...]:
    """The rules that a finding stands for: its own, and those that were merged into it."""
    return (finding.rule, *(name.partition(":")[2] for name in finding.also))


def _control(
    control: Control,
    reach: Reach,
    things: Mapping[str, int],
    findings: Sequence[tuple[tuple[str, ...], Finding, str]],
    unseen: str,
) -> ControlCoverage:
    ran = tuple(
        Ran(check, over) for check in control.checks if (over := _over(reach.of(check), reach, things))
    )
    standing = tuple(
        Standing(finding.fingerprint, finding.rule, state)
        for names, finding, state in findings
        if any(fnmatch.fnmatchcase(name, check) for name in names for check in control.checks)
    )
    status, reason = _status(control, ran, standing, unseen)
    return ControlCoverage(
        id=control.id, title=control.title, status=status, reason=reason, ran=ran, standing=standing
    )


def _status(
    control: Control, ran: Sequence[Ran], standing: Sequence[Standing], unseen: str
) -> tuple[Status, str]:
    if standing:
        states = Counter(one.state for one in standing)
        return Status.FAILED, ", ".join(f"{count} {state}" for state, count in states.items())
    if not control.checks:
        return Status.NOT_CHECKED, "no check is mapped to it"
    if not ran:
        return Status.NOT_CHECKED, "nothing was read that its checks apply to"
    if unseen:
        return Status.NOT_CHECKED, unseen
    return Status.PASSED, f"{len(ran)} of {len(control.checks)} checks ran, and none found a fault"


def _over(names: Sequence[str], reach: Reach, things: Mapping[str, int]) -> str:
    parts = [(things.get(name, 0), reach.things[name].words) for name in names]
    return ", ".join(
        f"{count} {'file' if count == 1 else 'files'} with {words}" for count, words in parts if count
    )
