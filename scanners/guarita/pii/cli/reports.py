"""What was found, for a person and for machines. No value is in it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.text import Text

from guarita.cli import Context
from guarita.errors import ExitStatus, GuaritaError, UsageError
from guarita.pii.cli.checking import Checked
from guarita.pii.entities import short_name
from guarita.pii.handling import Decision

SHOWN: Final = 20
"""Findings of one document in the text report."""
_COLOURS: Final = {
    Decision.ALLOW: "green",
    Decision.REDACT: "yellow",
    Decision.REVIEW: "magenta",
    Decision.BLOCK: "red",
}
_RESULTS: Final = {ExitStatus.PASSED: "passed", ExitStatus.REFUSED: "refused", ExitStatus.UNKNOWN: "unknown"}
Target = tuple[str, Path | None]


def chosen(outputs: Sequence[str], context: Context) -> list[Target]:
    """The reports that are asked for. Raises UsageError `pii.output` before anything is read."""
    targets: list[Target] = []
    for output in outputs or (("json",) if context.json else ("text",)):
        name, _, file = output.partition("=")
        if name not in {"text", "json"}:
            raise UsageError("pii.output", f"no report is called {name!r}", hint="text or json")
        path = Path(file) if file else None
        if path is not None and not path.absolute().parent.is_dir():
            raise UsageError(
                "pii.output", f"{path.parent}: no such folder", hint="make it, or name another file"
            )
        targets.append((name, path))
    if sum(path is None for _, path in targets) > 1:
        raise UsageError(
            "pii.output", "only one report can go to standard output", hint="--output FORMAT=FILE"
        )
    return targets


def write(
    targets: Sequence[Target],
    checked: Sequence[Checked],
    passed_over: int,
    status: ExitStatus,
    context: Context,
    *,
    aside: bool = False,
) -> None:
    """Write the reports. With `aside` what would go to standard output goes to stderr, where a document goes there."""
    for name, path in targets:
        if name == "json":
            text = msgspec.json.encode(_document(checked, passed_over, status)).decode() + "\n"
            if path is None:
                (sys.stderr if aside else sys.stdout).write(text)
                continue
        elif path is None:
            _show(context.err if aside else context.out, checked, passed_over, status)
            continue
        else:
            with Path(path).open("w", encoding="utf-8") as file:
                _show(Console(file=file, width=200, highlight=False), checked, passed_over, status)
            continue
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise GuaritaError("pii.output", f"{path}: {error.strerror}") from error


def _show(console: Console, checked: Sequence[Checked], passed_over: int, status: ExitStatus) -> None:
    for one in checked:
        _show_one(console, one)
    decisions = Counter(one.outcome.decision if one.outcome else None for one in checked)
    parts = [f"{count} {decision.value}" for decision in Decision if (count := decisions[decision])]
    if decisions[None]:
        parts.append(f"{decisions[None]} not read")
    over = f", {passed_over} files that are no documents" if passed_over else ""
    line = Text(f"{len(checked)} documents: {', '.join(parts) or 'none'}{over}. ")
    line.append(_RESULTS[status].upper(), style="bold " + {0: "green", 1: "red", 3: "magenta"}[int(status)])
    console.print(line, soft_wrap=True)


def _show_one(console: Console, one: Checked) -> None:
    if one.error is not None or one.outcome is None:
        message = one.error.message if one.error else ""
        console.print(Text(f"{one.reference}: not read: {message}", style="magenta"), soft_wrap=True)
        return
    outcome = one.outcome
    if outcome.decision is Decision.ALLOW and not outcome.findings:
        return
    line = Text(f"{one.reference}: ")
    line.append(outcome.decision.value, style=f"bold {_COLOURS[outcome.decision]}")
    console.print(line, soft_wrap=True)
    for reason in outcome.reasons:
        if reason.code != "pii.rule":
            console.print(Text(f"  {reason.text} [{reason.code}]"), soft_wrap=True)
    for found in outcome.findings[:SHOWN]:
        text = f"  {found.where}: {short_name(found.entity)}, {found.confidence} ({found.reasons})"
        suspect = ", a suspect" if found.suspect else ""
        console.print(Text(f"{text}{suspect}: {found.decision.value} by {found.rule}"), soft_wrap=True)
    if outcome.total > SHOWN:
        console.print(Text(f"  and {outcome.total - SHOWN} more"), soft_wrap=True)
    if one.written:
        console.print(Text(f"  written to {one.written}"), soft_wrap=True)


def _document(checked: Sequence[Checked], passed_over: int, status: ExitStatus) -> dict[str, Any]:
    return {
        "result": _RESULTS[status],
        "documents": [_one(one) for one in checked],
        "passed_over": passed_over,
    }


def _one(one: Checked) -> dict[str, Any]:
    answer: dict[str, Any] = {"reference": one.reference}
    if one.error is not None:
        answer["error"] = {"code": one.error.code, "message": one.error.message, "hint": one.error.hint}
    if one.outcome is not None:
        outcome = msgspec.to_builtins(msgspec.structs.replace(one.outcome, redacted=None))
        outcome["total"] = one.outcome.total
        if one.outcome.redacted is not None:
            done = one.outcome.redacted
            outcome["redacted"] = {"edits": done.edits, "removed": done.removed, "rounds": done.rounds}
        answer |= outcome
    if one.written:
        answer["written"] = one.written
    return answer
