"""The verdict for a person: what is unknown, what fails rule by rule with its code and its cure, the answer last.

The answer stands at the end, since that is what a terminal still shows when the command has ended.
"""

from __future__ import annotations

import io
import itertools
import textwrap
from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from guarita.policy.frameworks import FrameworkCoverage, Status
from guarita.policy.gate.coverage import FileStatus
from guarita.policy.gate.finding import Severity
from guarita.policy.gate.verdict import Decision, Result, State, Verdict
from guarita.scan.reports.escape import clipped, printable
from guarita.scan.reports.interface import Reporter
from guarita.scan.reports.summary import (
    EXCUSED,
    NO_CERTIFICATE,
    STATES,
    by_rule,
    controls,
    levels,
    next_steps,
    place,
    plural,
    policy,
    standing,
    why,
)

SHOWN = 50
"""Findings shown with their code, and unknown files; the rest are named or counted."""
OF_A_RULE = 5
"""Findings of one rule shown with their code; the next ones are named by their place."""
NAMED = 10
WIDTH = 100
"""Columns of a report that goes to a file or a log, where nobody says how wide it is."""
NARROW = 70
"""Columns below which the table of scanners leaves out what is not needed to trust the answer."""
COLOURS = {
    Severity.CRITICAL: "bold white on red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "bold yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "dim",
}
ANSWERS = {
    Result.PASSED: "bold white on green",
    Result.FAILED: "bold white on red",
    Result.UNKNOWN: "bold black on yellow",
}
Part = tuple[str, str] | str


class TextReporter(Reporter):
    """For a terminal, or a log that a person reads."""

    name: ClassVar[str] = "text"
    summary: ClassVar[str] = "for a person"

    def render(self, verdict: Verdict) -> bytes:
        sink = io.StringIO()
        self.show(verdict, Console(file=sink, width=WIDTH, force_terminal=False, highlight=False))
        return "".join(f"{line.rstrip()}\n" for line in sink.getvalue().splitlines()).encode()

    def show(self, verdict: Verdict, console: Console) -> None:
        """Write the report to a console, in its width and colours; to a log in plain words and `WIDTH`."""
        if not console.is_terminal:
            width = max(console.width, WIDTH)
            console = Console(file=console.file, width=width, color_system=None, highlight=False)
        _unknown(verdict, console)
        _failing(verdict.failing, console)
        _others(verdict, console)
        _frameworks(verdict.frameworks, console)
        _scanners(verdict, console)
        _answer(verdict, console)


def _line(console: Console, *parts: Part) -> None:
    """A line that is never broken: a path in it can be copied and searched for."""
    console.print(Text.assemble(*parts), soft_wrap=True)


def _wrapped(console: Console, first: Part, text: str, *, indent: int) -> None:
    """Text in the console's width; `first` stands before its first line, spaces before the others."""
    # A long word stays whole: it may be a path or an address.
    lines = textwrap.wrap(
        printable(text), max(24, console.width - indent), break_long_words=False, break_on_hyphens=False
    )
    for number, line in enumerate(lines):
        _line(console, first if number == 0 else " " * indent, line)


def _unknown(verdict: Verdict, console: Console) -> None:
    mark = (" UNKNOWN ", ANSWERS[Result.UNKNOWN])
    for problem in verdict.problems:
        _line(console, mark, " ", (printable(problem.scanner or problem.code), "bold"))
        _wrapped(console, "   ", problem.message, indent=3)
        if problem.hint:
            _wrapped(console, ("   → ", "dim"), problem.hint, indent=5)
        console.print()
    files = verdict.coverage.unknown
    if not files:
        return
    _line(console, mark, " ", (f"{plural(len(files), 'file')} that nobody vouches for", "bold"))
    for file in files[:SHOWN]:
        _line(console, "   ", printable(file.path), (f"  {file.status.value}", "dim"))
        if file.reason:
            _wrapped(console, ("     ", "dim"), file.reason, indent=5)
    if len(files) > SHOWN:
        _line(console, f"   … and {plural(len(files) - SHOWN, 'more file')}; `--output json=FILE` has all")
    console.print()


def _failing(failing: Sequence[Decision], console: Console) -> None:
    left = SHOWN
    for rule, title, worst, count, files in by_rule(failing):
        found = [decision for decision in failing if decision.finding.rule == rule]
        where = f"{plural(count, 'finding')} in {plural(files, 'file')}" if count > 1 else ""
        _line(
            console,
            (f" {worst.value.upper()} ", COLOURS[worst]),
            (f" {printable(rule)}", "bold"),
            f"  {printable(title)}",
            (f"  ({where})" if where else "", "dim"),
        )
        shown = found[: max(0, min(OF_A_RULE, left))]
        left -= len(shown)
        for message, group in itertools.groupby(shown, key=lambda decision: decision.finding.message):
            if message and message != title:
                _wrapped(console, "   ", message, indent=3)
            for decision in group:
                _finding(decision, worst, console)
        _named(found[len(shown) :], console)
        _cure(found, console)
        console.print()


def _finding(decision: Decision, worst: Severity, console: Console) -> None:
    finding = decision.finding
    level = f"  {finding.severity.value}" if finding.severity is not worst else ""
    _line(
        console,
        "   ",
        (place(decision), "bold cyan"),
        (f"  {printable(finding.resource)}" if finding.resource else "", ""),
        (level, COLOURS[finding.severity]),
        (f"  {finding.fingerprint[:12]}", "dim"),
    )
    if decision.reason:
        _wrapped(console, ("     note ", "dim"), decision.reason, indent=10)
    for number, text in _trimmed(finding.snippet):
        marked = number == finding.location.line
        shown = clipped(text, max(24, console.width - 11))
        _line(
            console,
            (f"    {number:>4} {'▶' if marked else '│'} ", "bold red" if marked else "dim"),
            (shown, "bold" if marked else ""),
        )


def _trimmed(snippet: Sequence[tuple[int, str]]) -> Sequence[tuple[int, str]]:
    """The snippet without empty lines at its ends."""
    full = [position for position, (_, text) in enumerate(snippet) if text.strip()]
    return snippet[full[0] : full[-1] + 1] if full else ()


def _named(more: Sequence[Decision], console: Console) -> None:
    for decision in more[:NAMED]:
        _line(console, "   ", (place(decision), "cyan"), (f"  {decision.finding.fingerprint[:12]}", "dim"))
    if len(more) > NAMED:
        _line(console, f"   … and {len(more) - NAMED:,} more; `--output json=FILE` has all")


def _cure(found: Iterable[Decision], console: Console) -> None:
    """How to fix it, and where to read more: what all findings of a rule say, once."""
    fixes = dict.fromkeys(decision.finding.fix for decision in found if decision.finding.fix)
    links = dict.fromkeys(decision.finding.help_url for decision in found if decision.finding.help_url)
    for fix in list(fixes)[:3]:
        _wrapped(console, ("   fix ", "bold green"), fix, indent=7)
    for link in list(links)[:1]:
        _line(console, ("   see ", "dim"), (printable(link), "dim"))


def _others(verdict: Verdict, console: Console) -> None:
    states = verdict.by_state()
    quiet = verdict.by_severity(State.BELOW)
    if states[State.BELOW.value]:
        below = plural(states[State.BELOW.value], "finding")
        _line(console, (f" {below} below the threshold ({levels(quiet)})", "dim"))
    for state in EXCUSED:
        excused = [decision for decision in verdict.decisions if decision.state is state]
        if not excused:
            continue
        _line(console, f" {plural(len(excused), 'finding')} {STATES[state]}")
        for decision in excused[:NAMED]:
            _line(console, "   ", place(decision), f"  {printable(decision.finding.rule)}")
            if decision.reason and state in {State.WAIVED, State.SUPPRESSED}:
                _wrapped(console, "     ", decision.reason, indent=5)
        if len(excused) > NAMED:
            _line(console, f"   … and {len(excused) - NAMED:,} more; `--output json=FILE` has all")
    for note in verdict.notes:
        _wrapped(console, (" note ", "yellow"), note, indent=6)
    if verdict.notes or len(verdict.decisions) > len(verdict.failing):
        console.print()


def _frameworks(frameworks: Sequence[FrameworkCoverage], console: Console) -> None:
    for one in frameworks:
        failed = [control for control in one.controls if control.status is Status.FAILED]
        _line(console, (f" {one.title}", "bold"), f"  {one.edition}: {controls(one)}")
        for control in failed[:NAMED]:
            _line(console, ("   failed ", "bold red"), f"{control.id}  {clipped(control.title, 60)}")
            _wrapped(console, "          ", standing(control), indent=10)
        if len(failed) > NAMED:
            _line(console, f"   … and {len(failed) - NAMED:,} more; `--output html=FILE` has all")
    if frameworks:
        _wrapped(console, (" note ", "yellow"), NO_CERTIFICATE, indent=6)
        console.print()


def _scanners(verdict: Verdict, console: Console) -> None:
    table = Table(box=None, pad_edge=True, header_style="dim")
    numbers = ("files", "findings", "seconds")
    for name in ("scanner", "engine", *numbers, "status"):
        if console.width >= NARROW or name not in {"engine", "seconds"}:
            table.add_column(name, justify="right" if name in numbers else "left", no_wrap=name != "engine")
    for run in verdict.scanners:
        cells = (run.name, run.tool, f"{run.files:,}", f"{run.findings:,}", f"{run.seconds:.1f}", run.status)
        texts = [Text(printable(cell)) for cell in cells]
        table.add_row(*(texts if console.width >= NARROW else (texts[0], *texts[2:4], texts[5])))
    if verdict.scanners:
        console.print(table)
    counts = verdict.coverage.counts()
    ended = ", ".join(
        f"{counts[status.value]:,} {status.value}" for status in FileStatus if counts[status.value]
    )
    facts = [
        ("files", f"{plural(len(verdict.coverage.files), 'file')}: {ended}" if ended else "none"),
        ("policy", policy(verdict)),
        ("base", verdict.base[:12]),
    ]
    if verdict.recorded:
        facts.append(("record", f"entry {verdict.recorded.index} of {verdict.recorded.origin}"))
    for label, text in facts:
        if text:
            _wrapped(console, (f" {label:<7}", "dim"), text, indent=8)
    console.print()


def _answer(verdict: Verdict, console: Console) -> None:
    mark = f" {verdict.result.value.upper()} "
    _line(console, (mark, ANSWERS[verdict.result]))
    _wrapped(console, " ", f"{why(verdict)}.", indent=1)
    steps = next_steps(verdict)
    for words, command in steps:
        _wrapped(console, (" → ", "dim"), words, indent=3)
        if command:
            _line(console, "   ", (command, "bold"))
