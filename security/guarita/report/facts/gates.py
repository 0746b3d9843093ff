"""Verdicts of gates (OCSF 2003): over time, by project and branch, and what each project's newest leaves open."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from guarita.report.facts.interface import Collector, Window, level
from guarita.report.interface import Framework, GateRow, Gates
from guarita.report.seen import Seen, whole
from guarita.report.tally import LONGEST, Days

MOST: Final = 500
"""Branches that are told apart; the one that was judged longest ago is forgotten first."""
SHOWN: Final = 50
MOST_OPEN: Final = 2_000
"""Open findings of one branch whose beginning is remembered."""
MAIN: Final = ("main", "master", "trunk", "production")
"""A project is judged by its newest verdict on one of these branches, where there is one."""
_RESULTS: Final[dict[int, Literal["passed", "failed"]]] = {1: "passed", 3: "failed"}


class _Ours(msgspec.Struct):
    failing: int = 0
    base: str = ""
    branch: str = ""
    frameworks: dict[str, dict[str, int]] = {}


_ours = msgspec.json.Decoder(_Ours)


class Open(msgspec.Struct):
    """A finding that fails since a verdict."""

    rule: str
    severity: str
    since: int


class Branch:
    """What verdicts say of one branch of a project."""

    def __init__(self, project: str, branch: str, control: str) -> None:
        self.project, self.branch, self.control = project, branch, control
        self.counts: Counter[str] = Counter()
        self.result: Literal["passed", "failed", "unknown"] = "unknown"
        self.at = 0
        self.index = -1
        self.revision = ""
        self.whole = False
        """Whether there was a verdict on a whole tree, and not only on what a change adds."""
        self.failing = 0
        self.open: dict[str, Open] = {}
        self.frameworks: dict[str, dict[str, int]] = {}

    def judge(self, event: Seen, ours: _Ours) -> None:
        """Take over what a verdict on the whole tree lists. One that is unknown closes nothing."""
        compliance = event.compliance
        if compliance is None or ours.base:
            return
        self.whole = True
        listed = {
            check.uid[:LONGEST]: self.open.get(check.uid[:LONGEST])
            or Open(check.name[:LONGEST], level(check.severity_id), event.time)
            for check in compliance.checks
        }
        failing = max(whole(ours.failing), len(listed))
        if self.result == "unknown" or failing > len(listed):
            # What is not listed may be open all the same.
            room = MOST_OPEN - len(listed)
            older = (item for item in self.open.items() if item[0] not in listed)
            listed |= dict(item for item, _ in zip(older, range(max(0, room)), strict=False))
        self.failing = max(failing, len(listed)) if self.result == "unknown" else failing
        self.open = listed
        self.frameworks = ours.frameworks


class GateCollector(Collector):
    """Collects verdicts."""

    classes = (2003,)

    def __init__(self) -> None:
        self._days = Days()
        self._branches: OrderedDict[tuple[str, str, str], Branch] = OrderedDict()
        self._forgotten = 0

    def take(self, index: int, event: Seen, window: Window) -> None:
        compliance = event.compliance
        if compliance is None:
            return
        ours = event.ours(_ours)
        about = event.resources[0] if event.resources else None
        key = (
            ((about.name if about else "") or "")[:LONGEST],
            ours.branch[:LONGEST],
            compliance.control[:LONGEST],
        )
        branch = self._branches.get(key)
        if branch is None:
            branch = self._branches[key] = Branch(*key)
            if len(self._branches) > MOST:
                self._branches.popitem(last=False)
                self._forgotten += 1
        self._branches.move_to_end(key)
        branch.result = _RESULTS.get(compliance.status_id, "unknown")
        branch.at, branch.index = event.time, index
        branch.revision = ((about.version if about else "") or "")[:LONGEST]
        branch.judge(event, ours)
        if window.holds(event.time):
            branch.counts[branch.result] += 1
            self._days.add(window.day(event.time), branch.result)

    def standing(self) -> list[Branch]:
        """For each project and control the branch that it is judged by."""
        found: dict[tuple[str, str], Branch] = {}
        for branch in self._branches.values():
            key = (branch.project, branch.control)
            before = found.get(key)
            if before is None or _rank(branch) > _rank(before):
                found[key] = branch
        return sorted(found.values(), key=lambda one: (one.project, one.control))

    def gates(self, window: Window) -> Gates:
        """Over time, and how each branch stands: those that count first, then the newest."""
        stands = {id(branch) for branch in self.standing()}
        ordered = sorted(self._branches.values(), key=lambda one: (id(one) not in stands, -one.index))
        return Gates(
            days=self._days.listed(window.first, window.last),
            rows=[
                GateRow(
                    project=one.project,
                    branch=one.branch,
                    control=one.control,
                    result=one.result,
                    at=one.at,
                    revision=one.revision,
                    passed=one.counts["passed"],
                    failed=one.counts["failed"],
                    unknown=one.counts["unknown"],
                    stands=id(one) in stands,
                )
                for one in ordered[:SHOWN]
            ],
            more=max(0, len(ordered) - SHOWN) + self._forgotten,
        )

    def frameworks(self) -> list[Framework]:
        """Controls by framework, over the projects whose verdicts counted them."""
        sums: dict[str, Counter[str]] = {}
        for name, counts in self._counted():
            one = sums.setdefault(name[:LONGEST], Counter())
            one.update({key: whole(counts.get(key, 0)) for key in ("passed", "failed", "not_checked")})
            one["projects"] += 1
        return [
            Framework(
                name=name,
                passed=one["passed"],
                failed=one["failed"],
                not_checked=one["not_checked"],
                projects=one["projects"],
            )
            for name, one in sorted(sums.items())
        ]

    def _counted(self) -> Iterator[tuple[str, dict[str, int]]]:
        for branch in self.standing():
            yield from branch.frameworks.items()


def _rank(branch: Branch) -> tuple[bool, bool, int]:
    # A verdict on a change alone says nothing of the rest of the tree.
    return (branch.whole, branch.branch in MAIN, branch.index)
