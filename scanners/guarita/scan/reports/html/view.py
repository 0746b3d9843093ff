"""What the page shows, in the order in which it shows it. Texts stay raw: the template makes them safe."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from guarita.policy.gate.coverage import FileCoverage, FileStatus
from guarita.policy.gate.finding import Severity
from guarita.policy.gate.verdict import Result, State, Verdict
from guarita.scan.reports.html.charts import STATUSES
from guarita.scan.reports.summary import STATES, by_rule, next_steps, plural, policy, why, worst_first

MOST = 10_000
"""Findings, and files of one status, that the page holds; the rest are counted."""
ANSWERS = {Result.PASSED: "Passed", Result.FAILED: "Failed", Result.UNKNOWN: "Unknown"}


def view(verdict: Verdict) -> dict[str, Any]:
    """The template's variables."""
    decisions = worst_first(verdict.decisions)
    return {
        "verdict": verdict,
        "answer": ANSWERS[verdict.result],
        "why": why(verdict),
        # This page is already what the last step leads to.
        "steps": [(words, command) for words, command in next_steps(verdict) if "html=" not in command],
        "facts": [(label, text) for label, text in _facts(verdict) if text],
        "rules": by_rule(verdict.failing),
        "decisions": decisions[:MOST],
        "cut": max(0, len(decisions) - MOST),
        "levels": [severity.value for severity in reversed(Severity)],
        "states": [(s.value, STATES[s]) for s in State if verdict.by_state()[s.value]],
        "state_words": {state.value: words for state, words in STATES.items()},
        "scanner_names": sorted({decision.finding.scanner for decision in verdict.decisions}),
        "files": [
            (status.value, STATUSES[status], of_status[:MOST], len(of_status))
            for status in reversed(FileStatus)
            if (of_status := _ended(verdict.coverage.files, status))
        ],
        "version": version("guarita"),
    }


def _facts(verdict: Verdict) -> list[tuple[str, str]]:
    return [
        ("Tree", verdict.root),
        ("Revision", _short(verdict.revision)),
        ("Compared with", _short(verdict.base)),
        ("Policy", policy(verdict)),
        ("Fails from", verdict.fail_on.value),
        ("Scanned", f"{verdict.started:%Y-%m-%d %H:%M} UTC, in {verdict.seconds:.1f} s"),
        ("Record", f"entry {entry.index} of {entry.origin}" if (entry := verdict.recorded) else ""),
        (
            "Seen",
            f"{plural(len(verdict.decisions), 'finding')} in {plural(len(verdict.coverage.files), 'file')}",
        ),
    ]


def _short(revision: str) -> str:
    commit, plus, dirty = revision.partition("+")
    return f"{commit[:12]}{plus}{dirty}"


def _ended(files: Sequence[FileCoverage], status: FileStatus) -> list[FileCoverage]:
    return [file for file in files if file.status is status]
