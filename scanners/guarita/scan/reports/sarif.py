"""SARIF 2.1.0, as GitHub code scanning reads it (OASIS SARIF 2.1.0; GitHub Docs, "SARIF support")."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, ClassVar
from urllib.parse import quote

import msgspec

from guarita.policy.gate.finding import Finding, Severity
from guarita.policy.gate.verdict import Decision, Result, State, Verdict
from guarita.scan.reports.interface import Reporter
from guarita.scan.reports.printable import printable

LIMIT = 25_000
"""Results that GitHub takes in one run; the worst come first."""
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


class SarifReporter(Reporter):
    """For GitHub code scanning and every other reader of SARIF."""

    name: ClassVar[str] = "sarif"
    summary: ClassVar[str] = "SARIF 2.1.0, for code scanning"

    def render(self, verdict: Verdict) -> bytes:
        decisions = verdict.decisions[:LIMIT]
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
            "columnKind": "unicodeCodePoints",
            "invocations": [_invocation(verdict, len(decisions))],
            "results": [_result(decision, numbers) for decision in decisions],
            "properties": {"result": verdict.result.value, "digests": verdict.digests},
        }
        document = {
            "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
            "version": "2.1.0",
            "runs": [run],
        }
        return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def _rules(decisions: Sequence[Decision]) -> list[dict[str, Any]]:
    rules: dict[str, dict[str, Any]] = {}
    for decision in decisions:
        finding = decision.finding
        if finding.rule in rules:
            continue
        title, fix = printable(finding.title), printable(finding.fix)
        rule: dict[str, Any] = {
            "id": printable(finding.rule),
            "name": printable(finding.rule),
            "shortDescription": {"text": title},
            "fullDescription": {"text": title},
            "help": {"text": fix or title},
            "defaultConfiguration": {"level": LEVELS[finding.severity]},
            "properties": {
                "security-severity": SCORES[finding.severity],
                "problem.severity": {"note": "recommendation"}.get(
                    LEVELS[finding.severity], LEVELS[finding.severity]
                ),
                "tags": [
                    "security",
                    finding.scanner,
                    *(f"external/cwe/{cwe.lower()}" for cwe in finding.cwe),
                ],
            },
        }
        if finding.help_url:
            rule["helpUri"] = finding.help_url
        rules[finding.rule] = rule
    return list(rules.values())


def _result(decision: Decision, numbers: dict[str, int]) -> dict[str, Any]:
    finding = decision.finding
    answer: dict[str, Any] = {
        "ruleId": printable(finding.rule),
        "ruleIndex": numbers[printable(finding.rule)],
        "level": LEVELS[finding.severity],
        "message": {"text": printable(finding.message or finding.title)},
        "locations": [_location(finding)],
        "partialFingerprints": {"guaritaFingerprint/v1": finding.fingerprint},
        "properties": {
            "severity": finding.severity.value,
            "state": decision.state.value,
            "scanner": finding.scanner,
        },
    }
    if decision.state in {State.BASELINE, State.EXISTING}:
        answer["baselineState"] = "unchanged"
    suppressions = _suppressions(decision)
    if suppressions:
        answer["suppressions"] = suppressions
    return answer


def _location(finding: Finding) -> dict[str, Any]:
    where = finding.location
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(where.path), "uriBaseId": "%SRCROOT%"}}
    if where.line > 0:
        physical["region"] = {"startLine": where.line, "endLine": max(where.line, where.end_line)}
        if where.column > 0:
            physical["region"]["startColumn"] = where.column
    location: dict[str, Any] = {"physicalLocation": physical}
    if finding.resource:
        location["logicalLocations"] = [{"fullyQualifiedName": printable(finding.resource)}]
    return location


def _suppressions(decision: Decision) -> list[dict[str, Any]]:
    """What hides a result (accepted), and the inline comment that tried to and may not (rejected)."""
    answer = []
    if decision.state is State.WAIVED:
        answer.append({"kind": "external", "status": "accepted", "justification": printable(decision.reason)})
    if decision.finding.suppression is not None:
        accepted = decision.state is State.SUPPRESSED
        answer.append(
            {
                "kind": "inSource",
                "status": "accepted" if accepted else "rejected",
                "justification": printable(
                    decision.finding.suppression.reason or decision.finding.suppression.kind
                ),
            }
        )
    return answer


def _invocation(verdict: Verdict, shown: int) -> dict[str, Any]:
    notes = [_note(printable(problem.message)) for problem in verdict.problems]
    for file in verdict.coverage.unknown:
        note = _note(f"{printable(file.path)}: {file.status.value}: {printable(file.reason)}")
        note["locations"] = [{"physicalLocation": {"artifactLocation": {"uri": _uri(file.path)}}}]
        notes.append(note)
    if shown < len(verdict.decisions):
        cut = len(verdict.decisions) - shown
        notes.append(_note(f"{cut} findings are left out here; the JSON report has all", level="warning"))
    return {
        "executionSuccessful": verdict.result is not Result.UNKNOWN,
        "startTimeUtc": verdict.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "toolExecutionNotifications": notes,
    }


def _note(text: str, level: str = "error") -> dict[str, Any]:
    return {"level": level, "message": {"text": text}}


def _uri(path: str) -> str:
    return quote(os.fsencode(path))
