"""A Markdown page for GitHub's job summary, within its limit (GitHub Docs, "Adding a job summary").

Every text that a tree or a tool chose goes through `escape.markdown` or into a fence: it cannot become a
link, an image, HTML, a table cell or a workflow command.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from guarita.policy.gate.coverage import FileStatus
from guarita.policy.gate.finding import Finding, Severity
from guarita.policy.gate.verdict import Decision, Result, State, Verdict
from guarita.scan.reports import escape
from guarita.scan.reports.interface import Reporter
from guarita.scan.reports.summary import STATES, by_rule, next_steps, place, plural, policy, why

LIMIT = 1024 * 1024
"""Bytes that GitHub takes from one step; a larger summary is not shown at all."""
SHORT, LONG = 200, 1_000
"""Characters of a name and of a message that are shown."""
ANSWERS = {Result.PASSED: "✅ Passed", Result.FAILED: "❌ Failed", Result.UNKNOWN: "❔ Unknown"}
MARKS = {
    Severity.CRITICAL: "🟣",
    Severity.HIGH: "🔴",
    Severity.MEDIUM: "🟠",
    Severity.LOW: "🔵",
    Severity.INFO: "⚪",
}


class MarkdownReporter(Reporter):
    """For the summary of a GitHub job, and any page that shows GitHub's Markdown."""

    name: ClassVar[str] = "markdown"
    summary: ClassVar[str] = "a GitHub job summary, at most 1 MiB"

    def render(self, verdict: Verdict) -> bytes:
        head, tail = "\n\n".join(_head(verdict)), "\n\n".join(_tail(verdict))
        room = LIMIT - len(head.encode()) - len(tail.encode()) - 1_000
        parts = [head, *_within(room, [*_unknown(verdict), *_findings(verdict)]), tail]
        return ("\n\n".join(parts) + "\n").encode()


def _within(room: int, blocks: Sequence[str]) -> Iterator[str]:
    """The blocks that fit into so many bytes, and a line that says how many do not."""
    for number, block in enumerate(blocks):
        room -= len(block.encode()) + 2
        if room < 0:
            left = plural(len(blocks) - number, "more entry", "more entries")
            yield f"**{left} left out here:** GitHub shows at most 1 MiB. The JSON and HTML reports have all."
            return
        yield block


def _head(verdict: Verdict) -> Iterator[str]:
    yield f"# Guarita: {ANSWERS[verdict.result]}"
    yield f"{_text(why(verdict))}."
    counts = {state: verdict.by_severity(state) for state in State}
    shown = [state for state in State if any(counts[state].values())]
    if shown:
        yield _table(
            ("Severity", *(STATES[state] for state in shown)),
            [
                (f"{MARKS[level]} {level.value}", *(f"{counts[state][level.value]:,}" for state in shown))
                for level in reversed(Severity)
            ],
            right=len(shown),
        )
    if verdict.failing:
        rows = by_rule(verdict.failing)[:50]
        yield "## What fails"
        yield _table(
            ("Rule", "What", "Worst", "Findings", "Files"),
            [
                (_code(rule), _text(title), f"{MARKS[worst]} {worst.value}", f"{count:,}", f"{files:,}")
                for rule, title, worst, count, files in rows
            ],
            right=2,
        )


def _unknown(verdict: Verdict) -> Iterator[str]:
    rows = [
        f"- {_text(problem.message, LONG)} {_text(problem.hint)}".rstrip() for problem in verdict.problems
    ]
    rows += [
        f"- {_code(file.path)}: {file.status.value}: {_text(file.reason, LONG)}"
        for file in verdict.coverage.unknown
    ]
    if rows:
        yield "## What is unknown"
        yield "Nobody vouches for these, so the gate does not pass."
        # Each line a block of its own, so that a long list is cut within itself.
        yield from rows


def _findings(verdict: Verdict) -> Iterator[str]:
    if verdict.failing:
        yield "## Where"
        yield from map(_finding, verdict.failing)
    others = [decision for decision in verdict.decisions if decision.state is not State.FAILING]
    if others:
        yield "## What does not fail"
        yield from (f"- {_summary(d)}: {STATES[d.state]}{_because(d)}" for d in others)


def _because(decision: Decision) -> str:
    return f" ({_text(decision.reason, LONG)})" if decision.reason else ""


def _summary(decision: Decision) -> str:
    finding = decision.finding
    return (
        f"{MARKS[finding.severity]} {finding.severity.value} {_code(finding.rule)} {_code(place(decision))}"
    )


def _finding(decision: Decision) -> str:
    finding = decision.finding
    lines = [
        f"<details><summary>{_summary(decision)} {_text(finding.title)}</summary>",
        _text(finding.message or finding.title, LONG),
    ]
    if finding.snippet:
        lines.append(escape.fenced(_snippet(finding)))
    for label, text in (
        ("How to fix it", _text(finding.fix, LONG)),
        ("Note", _text(decision.reason, LONG)),
        ("Resource", _code(finding.resource)),
        ("Severity rests on", _text(finding.severity_basis)),
        ("Fingerprint", _code(finding.fingerprint[:12])),
    ):
        if text:
            lines.append(f"**{label}:** {text}")
    url = escape.safe_url(finding.help_url)
    if url and len(url) <= LONG:
        lines.append(f"[About {_text(finding.rule)}](<{url}>)")
    return "\n\n".join((*lines, "</details>"))


def _snippet(finding: Finding) -> list[str]:
    return [
        f"{number:>5} {'▶' if number == finding.location.line else '│'} {escape.clipped(text, SHORT)}"
        for number, text in finding.snippet
    ]


def _tail(verdict: Verdict) -> Iterator[str]:
    steps = next_steps(verdict)
    if steps:
        yield "## What next"
        yield "\n".join(f"- {_text(words, LONG)}{': ' + _code(run) if run else ''}" for words, run in steps)
    yield "## Proof of scan"
    counts = verdict.coverage.counts()
    ended = ", ".join(f"{counts[status.value]:,} {status.value}" for status in FileStatus)
    yield f"{plural(len(verdict.coverage.files), 'file')}: {ended}."
    yield _table(
        ("Scanner", "Engine", "Status", "Files", "Findings", "Seconds"),
        [
            (
                _text(run.name),
                _text(run.tool),
                _text(run.status),
                f"{run.files:,}",
                f"{run.findings:,}",
                f"{run.seconds:.1f}",
            )
            for run in verdict.scanners
        ],
        right=3,
    )
    if verdict.notes:
        yield "\n".join(f"- Note: {_text(note, LONG)}" for note in verdict.notes[:50])
    yield "\n".join(f"- {label}: {text}" for label, text in _facts(verdict) if text)


def _facts(verdict: Verdict) -> Iterator[tuple[str, str]]:
    yield "Policy", _text(policy(verdict))
    yield "Fails from", verdict.fail_on.value
    yield "Revision", _code(verdict.revision)
    yield "Compared with", _code(verdict.base)
    yield "Scan", _code(verdict.scan_id)
    if verdict.recorded:
        yield "Record", f"entry {verdict.recorded.index} of {_code(verdict.recorded.origin)}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: int) -> str:
    """A table of GitHub Flavored Markdown whose last `right` columns hold numbers."""
    rule = ["---"] * (len(head) - right) + ["--:"] * right
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def _text(text: str, limit: int = SHORT) -> str:
    # Without spaces at its ends: four of them before a line would make a block of code.
    return escape.markdown(escape.clipped(text, limit).strip())


def _code(text: str) -> str:
    return escape.code(escape.clipped(text, SHORT))
