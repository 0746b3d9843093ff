"""GitLab's Code Quality report (GitLab Docs, "Code Quality report format").

Documented fields: `description`, `check_name`, `fingerprint`, `severity`, `location.path` and
`location.lines.begin`. The merge request shows what stands in its report and not in the target branch's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, ClassVar

from guarita.policy.gate.finding import Severity
from guarita.policy.gate.verdict import Decision, State, Verdict
from guarita.scan.reports.document import encode
from guarita.scan.reports.escape import is_utf8, percent, printable
from guarita.scan.reports.interface import Reporter

SEVERITIES = {
    Severity.CRITICAL: "blocker",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "major",
    Severity.LOW: "minor",
    Severity.INFO: "info",
}
HIDDEN = (State.WAIVED, State.SUPPRESSED)
"""Left out: the format has no word for *accepted*, and what it shows is to be mended. What stands in the
baseline or the base revision stays in: GitLab itself leaves out what the target branch has too."""


class GitlabReporter(Reporter):
    """For the Code Quality widget of a merge request."""

    name: ClassVar[str] = "gitlab"
    summary: ClassVar[str] = "Code Quality, for GitLab merge requests"

    def render(self, verdict: Verdict) -> bytes:
        entries = [*_unknown(verdict), *(_entry(d) for d in verdict.decisions if d.state not in HIDDEN)]
        return encode(_distinct(entries))


def _entry(decision: Decision) -> dict[str, Any]:
    finding, where = decision.finding, decision.finding.location
    label = f" ({where.label})" if where.label else ""
    return _issue(
        finding.rule,
        f"{finding.message or finding.title or finding.rule}{label}",
        severity=SEVERITIES[finding.severity],
        fingerprint=finding.fingerprint,
        path=where.path,
        line=where.line,
    )


def _unknown(verdict: Verdict) -> Iterator[dict[str, Any]]:
    """What nobody vouches for, as an entry that blocks: a report without it would read as clean."""
    for problem in verdict.problems:
        identity = _digest("problem", problem.code, problem.scanner)
        text = f"Unknown: {problem.message}"
        yield _issue(problem.code, text, severity="blocker", fingerprint=identity, path=".")
    for file in verdict.coverage.unknown:
        check = f"coverage.{file.status.value}"
        text = f"Unknown: {file.status.value}: {file.reason or 'nobody read it'}"
        identity = _digest(check, file.path)
        yield _issue(check, text, severity="blocker", fingerprint=identity, path=file.path)


def _issue(
    check: str, description: str, *, severity: str, fingerprint: str, path: str, line: int = 1
) -> dict[str, Any]:
    return {
        "description": printable(description),
        "check_name": printable(check),
        "fingerprint": fingerprint,
        "severity": severity,
        "location": {"path": path if is_utf8(path) else percent(path), "lines": {"begin": max(1, line)}},
    }


def _distinct(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries, each with a fingerprint of its own: GitLab drops a second one with the same."""
    seen: set[str] = set()
    for entry in entries:
        original, copies = entry["fingerprint"], 0
        while entry["fingerprint"] in seen:
            copies += 1
            entry["fingerprint"] = _digest(original, str(copies))
        seen.add(entry["fingerprint"])
    return entries


def _digest(*parts: str) -> str:
    text = "\0".join(parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
