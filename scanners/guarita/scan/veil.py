"""The veil: no scanner's snippet shows a line on which another scanner found a secret or a personal datum."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from guarita.policy.gate.finding import Finding

HIDDEN = "(not shown: a secret or personal datum stands here)"


def veiled(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, with the lines hidden where a finding stands that shows no text of its own.

    A finding without a snippet is one whose text must not be shown. A code scanner that reports the same
    line, or one beside it, knows nothing of that and would quote it.
    """
    findings = list(findings)
    hidden = {
        (finding.location.path, line)
        for finding in findings
        if not finding.snippet
        for line in range(finding.location.line, max(finding.location.line, finding.location.end_line) + 1)
    }
    return [_veil(finding, hidden) for finding in findings]


def _veil(finding: Finding, hidden: set[tuple[str, int]]) -> Finding:
    path = finding.location.path
    if not any((path, line) in hidden for line, _ in finding.snippet):
        return finding
    snippet = tuple((line, HIDDEN if (path, line) in hidden else text) for line, text in finding.snippet)
    return msgspec.structs.replace(finding, snippet=snippet)
