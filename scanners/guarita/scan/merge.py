"""Merging: one fault that two scanners report is one finding, which names both."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from guarita.policy.gate.finding import Finding


@dataclass(frozen=True)
class Fault:
    """A kind of fault that several scanners know by rules of their own, the most telling one first."""

    name: str
    members: tuple[tuple[str, re.Pattern[str]], ...]
    """(scanner, rules) pairs."""

    def rank(self, finding: Finding) -> int | None:
        """The place of the finding's rule among the members, or None."""
        for rank, (scanner, rules) in enumerate(self.members):
            if finding.scanner == scanner and rules.fullmatch(finding.rule):
                return rank
        return None


FAULTS = (
    Fault(
        "hard-coded credential",
        (
            ("secrets", re.compile(r".+")),
            # hardcoded_password_string, _funcarg and _default (bandit).
            ("code", re.compile(r"B10[567]")),
            # Keys in a provider, in a Lambda's environment, in EC2 user data (checkov).
            ("infrastructure", re.compile(r"CKV_AWS_(41|45|46)")),
        ),
    ),
    # zizmor names each expression and each trigger, checkov the job or the workflow around them.
    Fault(
        "template injection",
        (
            ("infrastructure", re.compile(r"zizmor\.template-injection")),
            ("infrastructure", re.compile(r"CKV_GHA_2")),
        ),
    ),
    Fault(
        "insecure workflow commands",
        (
            ("infrastructure", re.compile(r"zizmor\.insecure-commands")),
            ("infrastructure", re.compile(r"CKV_GHA_1")),
        ),
    ),
    Fault(
        "broad permissions of a workflow",
        (
            ("infrastructure", re.compile(r"zizmor\.excessive-permissions")),
            ("infrastructure", re.compile(r"CKV2_GHA_1")),
        ),
    ),
)


def merged(findings: Iterable[Finding], faults: Sequence[Fault] = FAULTS) -> list[Finding]:
    """The findings, with those joined that report the same kind of fault at the same lines.

    The most telling one stays and names the others in `also`. It takes their worst severity, and counts as
    suppressed inline only where each of them is: what one comment hides from one scanner, another has seen.
    """
    kept = list(findings)
    for fault in faults:
        kept = _merged(kept, fault)
    return kept


def _merged(findings: list[Finding], fault: Fault) -> list[Finding]:
    ranks = {index: rank for index, f in enumerate(findings) if (rank := fault.rank(f)) is not None}
    first = defaultdict(list)
    for index, rank in ranks.items():
        if rank == 0:
            first[findings[index].location.path].append(index)
    joined: dict[int, list[Finding]] = defaultdict(list)
    gone = set()
    for index, rank in ranks.items():
        other = findings[index]
        for host in first[other.location.path] if rank else ():
            if _same_lines(findings[host], other):
                joined[host].append(other)
                gone.add(index)
                break
    return [
        _with(finding, joined[index]) if index in joined else finding
        for index, finding in enumerate(findings)
        if index not in gone
    ]


def _same_lines(one: Finding, other: Finding) -> bool:
    a, b = one.location, other.location
    return (
        a.line > 0 and b.line > 0 and a.line <= max(b.line, b.end_line) and b.line <= max(a.line, a.end_line)
    )


def _with(finding: Finding, others: Sequence[Finding]) -> Finding:
    worst = max((finding, *others), key=lambda f: f.severity.rank)
    named = {*finding.also, *(name for f in others for name in (f"{f.scanner}:{f.rule}", *f.also))}
    seen = finding.suppression is None or any(other.suppression is None for other in others)
    return msgspec.structs.replace(
        finding,
        severity=worst.severity,
        severity_basis=worst.severity_basis,
        also=tuple(sorted(named)),
        cwe=tuple(dict.fromkeys(cwe for f in (finding, *others) for cwe in f.cwe)),
        suppression=None if seen else finding.suppression,
    )
