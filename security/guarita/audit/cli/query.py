"""`guarita audit query` and `tail`: events as a table or as JSON lines."""

from __future__ import annotations

import datetime as dt
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from guarita.audit.cli.opening import archive_option, opened
from guarita.audit.events.classes import NAMES
from guarita.audit.events.common import SEVERITY
from guarita.audit.query import Found, Query
from guarita.cli import Context, command_options
from guarita.cli.visible import visible
from guarita.errors import ExitStatus

_SEVERITY_NAMES = {number: name for name, number in SEVERITY.items()}
_POLL = 0.5


class Moment(click.ParamType[int]):
    """A date or a time in ISO 8601, UTC unless it says otherwise, as ms since the epoch."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            moment = dt.datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a date or time in ISO 8601", param, ctx)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
        return int(moment.timestamp() * 1000)


class EventClass(click.ParamType[int]):
    """An OCSF class by number or by our short name."""

    name = "class"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        numbers = {name: number for number, name in NAMES.items()}
        if value in numbers:
            return numbers[value]
        if not str(value).isdecimal():
            self.fail(f"{value!r} is neither a class number nor one of: {', '.join(numbers)}", param, ctx)
        return int(value)


def query_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that choose events; they reach the command as keyword arguments for `chosen`."""
    for option in (
        click.option("--text", metavar="TEXT", help="Anywhere in the event, in any case."),
        click.option(
            "--until", "--to", type=Moment(), metavar="TIME", help="Before this time (ISO 8601, UTC)."
        ),
        click.option(
            "--from", "since", type=Moment(), metavar="TIME", help="From this time on (ISO 8601, UTC)."
        ),
        click.option("--severity", type=click.Choice(list(SEVERITY)), help="This severity or worse."),
        click.option("--resource", metavar="NAME", help="What it is about, exactly as written."),
        click.option("--actor", metavar="NAME", help="Who took part, exactly as written."),
        click.option(
            "--class", "class_uid", type=EventClass(), metavar="CLASS", help="OCSF class: 2003, scan, …"
        ),
    ):
        function = option(function)
    return function


def chosen(options: dict[str, Any]) -> Query:
    """The query that these options make."""
    severity = options.pop("severity")
    return Query(severity=SEVERITY[severity] if severity else None, **options)


@click.command()
@query_options
@click.option("--limit", "-n", type=click.IntRange(1), metavar="N", help="The newest N only.")
@archive_option
@command_options
def query(context: Context, /, limit: int | None, archive: Path | None, **options: Any) -> ExitStatus:
    """Find events. With --json one event a line, each with its index and leaf hash."""
    with opened(context, archive=archive) as ledger:
        if archived := ledger.archived:
            context.note(f"entries 0 to {archived - 1} are archived and not searched: name --archive FOLDER")
        matching: Iterable[Found] = ledger.query(chosen(options), reveal=True)
        _show(context, matching if limit is None else deque(matching, maxlen=limit))
    return ExitStatus.PASSED


@click.command()
@click.option(
    "--lines", "-n", type=click.IntRange(0), default=10, show_default=True, help="Start this far back."
)
@click.option("--follow", "-f", is_flag=True, help="Wait for further events, until interrupted.")
@query_options
@command_options
def tail(context: Context, /, lines: int, follow: bool, **options: Any) -> ExitStatus:
    """Show the newest events, and with --follow those to come."""
    wanted = chosen(options)
    with opened(context) as ledger:
        end = ledger.size
        _show(
            context,
            deque(
                itertools.takewhile(lambda f: f.index < end, ledger.query(wanted, reveal=True)), maxlen=lines
            ),
        )
        while follow:
            for found in ledger.query(wanted, start=end, reveal=True):
                _show(context, (found,), header=False)
                end = found.index + 1
            time.sleep(_POLL)
    return ExitStatus.PASSED


def _show(context: Context, found: Iterable[Found], *, header: bool = True) -> None:
    if context.json:
        for one in found:
            context.emit(one)
        return
    table = Table(box=None, pad_edge=False, show_header=header, header_style="bold")
    for name, kind in (("index", "right"), ("time (UTC)", "left"), ("class", "left"), ("severity", "left")):
        table.add_column(name, justify=kind, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("what", overflow="fold")
    count = 0
    for count, one in enumerate(found, 1):  # noqa: B007  # counted for the line below the table
        event = one.event
        table.add_row(
            str(one.index),
            _time(event.get("time")),
            f"{event.get('class_uid', '?')} {NAMES.get(event.get('class_uid', 0), '')}",
            _SEVERITY_NAMES.get(event.get("severity_id", 0), "unknown"),
            Text(_what(event)),
        )
    if count:
        context.out.print(table)
    if header:
        context.note(f"{count} {'event' if count == 1 else 'events'}")


def _time(milliseconds: Any) -> str:
    if not isinstance(milliseconds, int):
        return "?"
    try:
        return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return str(milliseconds)


def _what(event: dict[str, Any]) -> str:
    """The event in a few words, from whichever attributes its class has."""
    parts = [
        _at(event, "finding_info", "title") or _at(event, "scan", "name") or _at(event, "api", "operation"),
        _at(event, "entity", "uid"),
        _at(event, "app", "name"),
        _at(event, "user", "uid") or _at(event, "actor", "user", "uid"),
        {1: "success", 2: "failure"}.get(event.get("status_id", 0)),
        event.get("status_code"),
    ]
    # Control characters of an event do not reach the terminal.
    return " ".join(visible(str(part)) for part in parts if part)


def _at(event: Any, *path: str) -> Any:
    for name in path:
        event = event.get(name) if isinstance(event, dict) else None
    return event
