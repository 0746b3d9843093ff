"""SARIF 2.1.0, as GitHub code scanning reads it (OASIS SARIF 2.1.0; GitHub Docs, "SARIF support")."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, ClassVar

from guarita.policy.gate.finding import Finding, Severity
from guarita.policy.gate.verdict import Decision, Result, State, Verdict
from guarita.scan.reports.document import encode
from guarita.scan.reports.escape import markdown, percent, printable, safe_url
from guarita.scan.reports.interface import Reporter
from guarita.scan.reports.summary import plural, worst_first

LIMIT = 25_000
"""Results that GitHub takes in one run (of which it shows 5,000), and rules too; the worst come first."""
TAGS = 10
"""Tags of a rule that GitHub shows."""
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "%SRCROOT%"
LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
SCORES = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.0",
    Severity.INFO: "0.0",
}
"""`security-severity`: over 9.0 is critical to GitHub, 7.0 to 8.9 high, 4.0 to 6.9 medium, 0.1 to 3.9 low."""

PRECISIONS = {"low", "medium", "high", "very-high"}


class SarifReporter(Reporter):
    """For GitHub code scanning and every other reader of SARIF."""

    name: ClassVar[str] = "sarif"
    summary: ClassVar[str] = "SARIF 2.1.0, for code scanning"

    def render(self, verdict: Verdict) -> bytes:
        decisions = worst_first(verdict.decisions)[:LIMIT]
        rules = _rules(decisions)
        numbers = {rule["id"]: number for number, rule in enumerate(rules)}
        run = {
            "tool": {
                "driver": {
                    "name": "Guarita",
                    "semanticVersion": version("guarita"),
                    "informationUri": "https://github.com/guarita/guarita",
                    "rules": rules,
                }
            },
            "automationDetails": {"id": "guarita/"},
            "originalUriBaseIds": {ROOT: {"description": {"text": "the root of the scanned tree"}}},
            "columnKind": "unicodeCodePoints",
            "invocations": [_invocation(verdict, len(decisions))],
            "results": [_result(decision, numbers, compared=bool(verdict.base)) for decision in decisions],
            "properties": _properties(verdict),
        }
        return encode({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _properties(verdict: Verdict) -> dict[str, Any]:
    # `versionControlProvenance` would need the repository's URI, which a verdict does not hold.
    return {
        "result": verdict.result.value,
        "scanId": verdict.scan_id,
        "revision": printable(verdict.revision),
        "base": printable(verdict.base),
        "policyOrigin": verdict.policy_origin.value,
        "policySource": printable(verdict.policy_source),
        "digests": verdict.digests,
        "coverage": verdict.coverage.counts(),
        "scanners": [f"{run.name}: {printable(run.tool) or run.status}" for run in verdict.scanners],
    }


def _rules(decisions: Sequence[Decision]) -> list[dict[str, Any]]:
    """One descriptor a rule. Its severity is the worst that a finding here has: GitHub rates alerts by it."""
    worst: dict[str, Finding] = {}
    for decision in decisions:
        finding = decision.finding
        name = printable(finding.rule)
        if name not in worst or worst[name].severity < finding.severity:
            worst[name] = finding
    return [_rule(name, finding) for name, finding in worst.items()]


def _rule(name: str, finding: Finding) -> dict[str, Any]:
    title, fix, level = printable(finding.title) or name, printable(finding.fix), LEVELS[finding.severity]
    url = safe_url(finding.help_url)
    help_markdown = [f"**{markdown(title)}**", f"How to fix it: {markdown(finding.fix)}" if fix else ""]
    help_markdown.append(f"[About {markdown(name)}]({url})" if url else "")
    if finding.severity_basis:
        help_markdown.append(f"Severity rests on: {markdown(finding.severity_basis)}")
    rule: dict[str, Any] = {
        "id": name,
        "name": name,
        "shortDescription": {"text": title},
        "fullDescription": {"text": title},
        "help": {"text": fix or title, "markdown": "\n\n".join(filter(None, help_markdown))},
        "defaultConfiguration": {"level": level},
        "properties": {
            "security-severity": SCORES[finding.severity],
            "problem.severity": "recommendation" if level == "note" else level,
            "tags": ["security", finding.scanner, *map(_cwe, finding.cwe)][:TAGS],
        },
    }
    if finding.confidence in PRECISIONS:
        rule["properties"]["precision"] = finding.confidence
    if url:
        rule["helpUri"] = url
    return rule


def _cwe(name: str) -> str:
    """The tag that CodeQL uses: `external/cwe/cwe-078`."""
    number = re.sub(r"\D", "", name)
    return f"external/cwe/cwe-{number:>03}"


def _result(decision: Decision, numbers: dict[str, int], *, compared: bool) -> dict[str, Any]:
    finding = decision.finding
    rule = printable(finding.rule)
    answer: dict[str, Any] = {
        "ruleId": rule,
        "ruleIndex": numbers[rule],
        "level": LEVELS[finding.severity],
        "message": {"text": _message(finding)},
        "locations": [_location(finding)],
        "partialFingerprints": {"guaritaFingerprint/v1": finding.fingerprint},
        "properties": {
            "severity": finding.severity.value,
            "state": decision.state.value,
            "threshold": decision.threshold.value,
            "reason": printable(decision.reason),
            "scanner": finding.scanner,
            "also": [printable(other) for other in finding.also],
        },
    }
    if decision.state in {State.BASELINE, State.EXISTING}:
        answer["baselineState"] = "unchanged"
    elif compared and decision.state in {State.FAILING, State.SUPPRESSED}:
        # The others were decided before anybody asked whether they are new.
        answer["baselineState"] = "new"
    suppressions = _suppressions(decision)
    if suppressions:
        answer["suppressions"] = suppressions
    return answer


def _message(finding: Finding) -> str:
    """Plain text as SARIF 3.11.6 has it, in which no embedded link can hide."""
    label = f" ({finding.location.label})" if finding.location.label else ""
    text = printable(f"{finding.message or finding.title or finding.rule}{label}")
    return re.sub(r"([\\\[\]])", r"\\\1", text) if "](" in text else text


def _location(finding: Finding) -> dict[str, Any]:
    where = finding.location
    start = max(1, where.line)
    # GitHub requires a line: a finding on the file as a whole stands on its first.
    region: dict[str, Any] = {"startLine": start, "endLine": max(start, where.end_line)}
    if where.line > 0 and where.column > 0:
        region["startColumn"] = where.column
    physical: dict[str, Any] = {
        "artifactLocation": {"uri": percent(where.path), "uriBaseId": ROOT},
        "region": region,
    }
    if finding.snippet:
        lines = [line for line, _ in finding.snippet]
        first, last = min(*lines, start), max(*lines, start)
        if first >= 1:
            physical["contextRegion"] = {
                "startLine": first,
                "endLine": max(last, region["endLine"]),
                "snippet": {"text": "\n".join(printable(text) for _, text in finding.snippet)},
            }
    location: dict[str, Any] = {"physicalLocation": physical}
    if finding.resource:
        location["logicalLocations"] = [{"fullyQualifiedName": printable(finding.resource)}]
    return location


def _suppressions(decision: Decision) -> list[dict[str, Any]]:
    """What hides a result (accepted), or what asked to and may not (rejected) or was not judged (underReview).

    By SARIF 3.27.23 a result counts as suppressed only when every suppression is accepted, so an inline
    comment beside a waiver is left out: the waiver alone decided.
    """
    inline = decision.finding.suppression
    match decision.state:
        case State.WAIVED:
            return [_suppression("external", "accepted", decision.reason)]
        case State.SUPPRESSED:
            written = inline.reason or inline.kind if inline else ""
            return [_suppression("inSource", "accepted", f"{written}; {decision.reason}".strip("; "))]
    if inline is None:
        return []
    status = "rejected" if decision.state is State.FAILING else "underReview"
    return [_suppression("inSource", status, inline.reason or inline.kind)]


def _suppression(kind: str, status: str, justification: str) -> dict[str, Any]:
    return {"kind": kind, "status": status, "justification": printable(justification)}


def _invocation(verdict: Verdict, shown: int) -> dict[str, Any]:
    notes = []
    for problem in verdict.problems:
        hint = f" ({printable(problem.hint)})" if problem.hint else ""
        notes.append(_note(printable(problem.message) + hint, code=problem.code))
    for file in verdict.coverage.unknown:
        note = _note(
            f"{printable(file.path)}: {file.status.value}: {printable(file.reason)}",
            code=f"coverage.{file.status.value}",
        )
        note["locations"] = [
            {"physicalLocation": {"artifactLocation": {"uri": percent(file.path), "uriBaseId": ROOT}}}
        ]
        notes.append(note)
    cut = len(verdict.decisions) - shown
    if cut:
        text = f"{plural(cut, 'finding')} of the least severity are left out here; the JSON report has all"
        notes.append(_note(text, level="warning", code="report.cut"))
    notes.extend(_note(printable(note), level="note", code="policy.note") for note in verdict.notes)
    return {
        "executionSuccessful": verdict.result is not Result.UNKNOWN,
        "startTimeUtc": _time(verdict.started),
        "endTimeUtc": _time(verdict.started + dt.timedelta(seconds=verdict.seconds)),
        "toolExecutionNotifications": notes,
    }


def _note(text: str, *, code: str, level: str = "error") -> dict[str, Any]:
    return {"level": level, "message": {"text": text}, "descriptor": {"id": code}}


def _time(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
