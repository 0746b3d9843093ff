"""The verdict for a person: the answer first, then what is unknown, then what fails and how to mend it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import ClassVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from guarita.policy.gate.coverage import FileStatus
from guarita.policy.gate.finding import Severity
from guarita.policy.gate.verdict import Decision, Result, State, Verdict
from guarita.scan.reports.escape import printable
from guarita.scan.reports.interface import Reporter

SHOWN = 50
"""Findings, and unknown files, shown in full; the rest are counted."""
COLOURS = {
    Severity.CRITICAL: "bold white on red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "dim",
}
ANSWERS = {Result.PASSED: "bold green", Result.FAILED: "bold red", Result.UNKNOWN: "bold yellow"}


class TextReporter(Reporter):
    """For a terminal, or a log that a person reads."""

    name: ClassVar[str] = "text"
    summary: ClassVar[str] = "for a person"

    def render(self, verdict: Verdict) -> bytes:
        sink = io.StringIO()
        self.show(verdict, Console(file=sink, width=100, color_system=None, highlight=False))
        return sink.getvalue().encode()

    def show(self, verdict: Verdict, console: Console) -> None:
        """Write the report to a console, in its width and colours."""
        _unknown(verdict, console)
        _failing(verdict.failing, console)
        _others(verdict, console)
        _scanners(verdict, console)
        _answer(verdict, console)


def _line(console: Console, *parts: tuple[str, str] | str) -> None:
    console.print(Text.assemble(*parts), soft_wrap=True)


def _unknown(verdict: Verdict, console: Console) -> None:
    for problem in verdict.problems:
        _line(console, ("unknown ", "bold yellow"), printable(problem.message))
        if problem.hint:
            _line(console, ("        → ", "dim"), printable(problem.hint))
    files = verdict.coverage.unknown
    for file in files[:SHOWN]:
        _line(
            console,
            ("unknown ", "bold yellow"),
            (printable(file.path), "bold"),
            f"  {printable(file.reason)}",
        )
    if len(files) > SHOWN:
        _line(console, f"        … and {len(files) - SHOWN} more files")
    if files or verdict.problems:
        console.print()


def _failing(failing: Sequence[Decision], console: Console) -> None:
    for decision in failing[:SHOWN]:
        finding = decision.finding
        place = f"{printable(finding.location.path)}:{finding.location.line}"
        _line(
            console,
            (f" {finding.severity.value.upper()} ", COLOURS[finding.severity]),
            f" {printable(finding.rule)}  ",
            (place, "bold"),
            (f"  {printable(finding.resource)}" if finding.resource else "", "dim"),
        )
        _line(console, f"    {printable(finding.message or finding.title)}")
        for number, text in finding.snippet:
            marked = number == finding.location.line
            _line(
                console,
                (f"    {number:>5} {'▶' if marked else '│'} {printable(text)}", "" if marked else "dim"),
            )
        for label, text in (("fix", finding.fix), ("note", decision.reason), ("see", finding.help_url)):
            if text:
                _line(console, (f"    {label}: ", "dim"), printable(text))
        _line(console, (f"    fingerprint {finding.fingerprint[:12]}", "dim"))
        console.print()
    if len(failing) > SHOWN:
        _line(console, f"… and {len(failing) - SHOWN} more; `--output json=FILE` has them all\n")


def _others(verdict: Verdict, console: Console) -> None:
    for state, count in verdict.by_state().items():
        if count and state != State.FAILING.value:
            _line(console, (f"{state:>16} ", "dim"), str(count))
    for note in verdict.notes:
        _line(console, ("            note ", "dim"), printable(note))


def _scanners(verdict: Verdict, console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("scanner", "engine", "files", "findings", "seconds", "status"):
        table.add_column(name, justify="right" if name in {"files", "findings", "seconds"} else "left")
    for run in verdict.scanners:
        table.add_row(
            run.name,
            Text(printable(run.tool)),
            str(run.files),
            str(run.findings),
            f"{run.seconds:.1f}",
            run.status,
        )
    console.print(table)
    counts = verdict.coverage.counts()
    _line(console, "files: ", ", ".join(f"{counts[status.value]} {status.value}" for status in FileStatus))
    _line(console, f"policy: {verdict.policy_origin.value} ({printable(verdict.policy_source)})")
    if verdict.recorded:
        _line(console, f"record: entry {verdict.recorded.index} of {printable(verdict.recorded.origin)}")
    console.print()


def _answer(verdict: Verdict, console: Console) -> None:
    failing = verdict.by_severity(State.FAILING)
    counted = ", ".join(f"{count} {level}" for level, count in failing.items() if count)
    reason = {
        Result.PASSED: f"no finding of {verdict.fail_on.value} or worse, and every file accounted for",
        Result.FAILED: f"{len(verdict.failing)} findings fail: {counted}",
        Result.UNKNOWN: f"{len(verdict.coverage.unknown)} files and {len(verdict.problems)} scanners did not finish"
        + (f"; {len(verdict.failing)} findings fail: {counted}" if counted else ""),
    }[verdict.result]
    _line(console, (verdict.result.value.upper(), ANSWERS[verdict.result]), f"  {reason}")
