"""`guarita audit ship` and `guarita audit sinks`: entries on their way elsewhere, and how far they are."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table
from rich.text import Text

from guarita.audit.cli.opening import archive_option, opened
from guarita.audit.ledger import Ledger
from guarita.audit.locate import project
from guarita.audit.sinks.build import build, pace, sections
from guarita.audit.sinks.crew import Crew, Task
from guarita.audit.sinks.cursor import Cursor, CursorFile, cursors
from guarita.cli import Context, command_options
from guarita.cli.main import show_error
from guarita.config import FILE_NAME
from guarita.config.sinks import SinkSection
from guarita.errors import ExitStatus, GuaritaError, UsageError


def configured(context: Context, names: tuple[str, ...] = ()) -> tuple[list[SinkSection], Path]:
    """The sinks of guarita.yaml (those of these names, if any are given), and the file's folder."""
    file = context.config or project() / FILE_NAME
    found = sections(file)
    known = [sink.name for sink in found]
    for name in names:
        if name not in known:
            raise UsageError(
                "audit.no-sink",
                f"no sink is called {name!r} in {file}",
                hint=f"one of: {', '.join(known)}" if known else "name sinks under `ledger.sinks`",
            )
    return [sink for sink in found if not names or sink.name in names], file.parent


@click.command()
@click.option(
    "--sink", "names", multiple=True, metavar="NAME", help="Only this sink; may stand several times."
)
@click.option("--follow", "-f", is_flag=True, help="Go on with further entries, until interrupted.")
@click.option(
    "--from", "start", type=click.IntRange(0), metavar="INDEX", help="Ship again from here; with one --sink."
)
@click.option(
    "--patience",
    type=click.FloatRange(0),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a sink that is down is tried without --follow.",
)
@archive_option
@command_options
def ship(
    context: Context,
    /,
    *,
    names: tuple[str, ...],
    follow: bool,
    start: int | None,
    patience: float,
    archive: Path | None,
) -> ExitStatus:
    """Copy entries to the sinks of guarita.yaml: each once at least, in order, each sink by itself.

    Without --follow it ends when every sink has all entries. Exit status 3 when one was not to be had,
    1 when one refused.
    """
    chosen, folder = configured(context, names)
    if not chosen:
        raise UsageError("audit.no-sink", "no sinks are named", hint="name them under `ledger.sinks`")
    if start is not None and len(names) != 1:
        raise UsageError("audit.no-sink", "--from needs the one sink that is meant: --sink NAME")
    with opened(context, read_only=False, archive=archive, sign=False) as ledger:
        if start is not None:
            rewind(ledger, names[0], start)
        tasks = [
            Task(
                sink.name,
                build(sink, folder),
                sink.batch,
                pace(sink, patience),
            )
            for sink in chosen
        ]
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())

        def told(name: str, error: GuaritaError) -> None:
            named = GuaritaError(error.code, f"{name}: {error.message}", hint=error.hint)
            show_error(named, as_json=context.json)

        crew = Crew(ledger, tasks, stop=stop, follow=follow, told=told)
        errors = crew.run()
        for name, sent in crew.sent.items():
            context.note(f"{name}: {sent} {'entry' if sent == 1 else 'entries'} sent")
    if stop.is_set() and not follow:
        raise click.Abort
    return max((error.exit_status for error in errors.values()), default=ExitStatus.PASSED)


def rewind(ledger: Ledger, name: str, start: int) -> None:
    """Put a sink's cursor back, whatever it says now."""
    if start > ledger.size:
        raise UsageError("audit.no-sink", f"the log has {ledger.size} entries")
    cursor = CursorFile(ledger.store, name)
    cursor.load(check=False)
    before = ledger.store.hashes(0, start - 1, start).hex() if start else None
    if not cursor.save(Cursor(next=start, hash=before)):
        raise UsageError("audit.sink-busy", f"another process is shipping to {name}: stop it first")


@click.command()
@command_options
def sinks(context: Context) -> ExitStatus:
    """List the sinks: how far each has come, how much it lacks, and what went wrong last."""
    chosen, _ = configured(context)
    with opened(context) as ledger:
        size, known = ledger.size, cursors(ledger.store)
    kinds = {sink.name: str(sink.__struct_config__.tag) for sink in chosen}
    rows = [_row(name, kinds.get(name), known.get(name, Cursor()), size) for name in {**kinds, **known}]
    if context.json:
        context.emit({"size": size, "sinks": rows})
        return ExitStatus.PASSED
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("sink", "kind", "cursor", "lag", "refused", "last sent (UTC)", "last error"):
        table.add_column(column, justify="right" if column in {"cursor", "lag", "refused"} else "left")
    for row in rows:
        failure = row["error"]
        said = f"{failure['message']} ({failure['attempts']} times)" if failure else ""
        table.add_row(
            Text(row["name"]), row["kind"] or "not configured", str(row["cursor"]), str(row["lag"]),
            str(row["refused"]), _moment(row["sent"]), Text(said),
        )  # fmt: skip
    context.out.print(table)
    return ExitStatus.PASSED


def _row(name: str, kind: str | None, cursor: Cursor, size: int) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "cursor": cursor.next,
        "lag": max(0, size - cursor.next),
        "refused": cursor.refused,
        "sent": cursor.sent,
        "error": msgspec.to_builtins(cursor.failure) if cursor.failure else None,
    }


def _moment(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "never"
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(milliseconds / 1000))
