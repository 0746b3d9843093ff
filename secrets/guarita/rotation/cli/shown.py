"""How the commands show secrets: reports of a run, spans of time, problems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from guarita.cli import Context
from guarita.errors import ExitStatus, GuaritaError
from guarita.rotation.engine.runner import Report, Result, status_of
from guarita.rotation.spans import span

_COLOURS: Final = {
    Result.DONE: "green",
    Result.WAITING: "cyan",
    Result.ROLLED_BACK: "red",
    Result.HALTED: "red",
    Result.UNKNOWN: "yellow",
    Result.TAKEN_OVER: "yellow",
    Result.SKIPPED: "yellow",
}


def show_reports(context: Context, reports: Sequence[Report]) -> ExitStatus:
    """Write what became of each secret; gives the exit status."""
    status = status_of(reports)
    if context.json:
        context.emit({"status": int(status), "secrets": [report_document(report) for report in reports]})
        return status
    if not reports:
        context.note("nothing is due")
        return status
    table = Table(box=None, pad_edge=False)
    for column in ("secret", "result", "phase", "rotation", ""):
        table.add_column(column, overflow="fold")
    for report in reports:
        colour = _COLOURS[report.result]
        why = "" if report.error is None else report.error.message
        if report.delay is not None and report.result is Result.WAITING:
            why = f"{why} (again in {span(report.delay)})"
        table.add_row(
            report.secret,
            f"[{colour}]{report.result}[/{colour}]",
            report.phase or "",
            report.rotation or "",
            escape(why),
        )
    context.out.print(table)
    for report in reports:
        if report.error is not None and report.error.hint and report.result is not Result.WAITING:
            context.note(f"{report.secret} → {report.error.hint}")
    return status


def report_document(report: Report) -> dict[str, Any]:
    """A report for machines."""
    return {
        "secret": report.secret,
        "result": report.result,
        "phase": report.phase,
        "rotation": report.rotation,
        "error": error_document(report.error),
        "seconds": report.delay,
    }


def error_document(error: GuaritaError | None) -> dict[str, Any] | None:
    """An error for machines."""
    return None if error is None else {"code": error.code, "message": error.message, "hint": error.hint}
