"""`guarita tools`: make and list the environments of tools that cannot share ours."""

from __future__ import annotations

from typing import Any

import click
from rich.table import Table

from guarita.cli import Context, command_options
from guarita.errors import ExitStatus, UsageError
from guarita.scan.tools import TOOLS, Standing, Tool, standing, sync


@click.group()
def tools() -> None:
    """Make and list the environments of tools that cannot share ours."""


@tools.command("sync")
@click.argument("names", nargs=-1)
@click.option("--force", is_flag=True, help="Make them again, even where they stand and run.")
@command_options
def sync_command(context: Context, names: tuple[str, ...], *, force: bool) -> ExitStatus:
    """Make the tools (default: all) from the locks of this version, every file checked by its hash.

    They go to $GUARITA_TOOLS_HOME, else to guarita/tools in the user's data folder.
    """
    rows = []
    for tool in _chosen(names):
        found, made = _synced(context, tool, force=force)
        context.note(f"{tool.name} {found.version}: {'made' if made else 'there already'}")
        rows.append({**_row(tool, found), "made": made})
    if context.json:
        context.emit({"tools": rows})
    return ExitStatus.PASSED


@tools.command("list")
@command_options
def list_command(context: Context) -> ExitStatus:
    """Show each tool: its version, where it is, whether it is ready, and what it is for."""
    rows = [_row(tool, standing(tool)) for tool in TOOLS]
    if context.json:
        context.emit({"tools": rows})
        return ExitStatus.PASSED
    table = Table(box=None, pad_edge=False)
    for title in ("name", "state", "version", "for", "path"):
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(row[title] or "-" for title in ("name", "state", "version", "for", "path")))
    context.out.print(table)
    if any(row["state"] in {"missing", "broken"} for row in rows):
        context.note("run `guarita tools sync` to make what is missing")
    return ExitStatus.PASSED


def _synced(context: Context, tool: Tool, *, force: bool) -> tuple[Standing, bool]:
    with context.progress() as bars:
        task = bars.add_task(tool.name, total=None)

        def report(line: str) -> None:
            bars.update(task, description=f"{tool.name}: {line}")

        return sync(tool, force=force, report=report)


def _chosen(names: tuple[str, ...]) -> list[Tool]:
    known = {tool.name: tool for tool in TOOLS}
    for name in names:
        if name not in known:
            raise UsageError(
                "tools.unknown", f"no tool is called {name!r}", hint=f"one of: {', '.join(known)}"
            )
    return [tool for name, tool in known.items() if not names or name in names]


def _row(tool: Tool, found: Standing) -> dict[str, Any]:
    return {
        "name": tool.name,
        "version": found.version,
        "state": found.state.value,
        "path": str(found.path) if found.path else "",
        "for": tool.purpose,
    }
