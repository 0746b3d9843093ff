"""`guarita audit archive`: old entries leave the ledger for a folder of tiles."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from guarita.audit.cli.opening import opened
from guarita.audit.cli.query import Moment
from guarita.audit.cli.ship import configured
from guarita.audit.retention.archive import archive_before
from guarita.audit.sinks.cursor import Cursor, cursors
from guarita.cli import Context, command_options
from guarita.errors import ExitStatus


@click.command()
@click.option(
    "--before", type=Moment(), metavar="TIME", required=True, help="Entries from before (ISO 8601, UTC)."
)
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    required=True,
    help="The archive: a tlog-tiles folder, made or added to.",
)
@command_options
def archive(context: Context, /, before: int, folder: Path) -> ExitStatus:
    """Archive old entries to tiles, verify them there, and then delete their bodies from the ledger.

    Hashes and keys stay, so every proof and every verification goes on; an entry in the log says what was
    archived. Nothing goes that a sink of guarita.yaml does not have yet. Exit status 1 when that is so, or
    the archive does not verify.
    """
    sinks, _ = configured(context)
    with opened(context, read_only=False) as ledger, context.progress() as bars:
        known = cursors(ledger.store)
        task = bars.add_task("tiles", total=None)
        done = archive_before(
            ledger,
            folder,
            before=before,
            sinks={sink.name: known.get(sink.name, Cursor()) for sink in sinks},
            progress=lambda at, total: bars.update(task, completed=at, total=total),
        )
    if context.json:
        context.emit({"archived": done})
    elif not context.quiet:
        count = done.stop - done.start
        said = f"{count} entries archived: {done.start} to {done.stop - 1}" if count else "nothing to archive"
        context.out.print(
            Text.assemble(("✓ ", "green"), f"{said}; {folder} holds {done.size}"), soft_wrap=True
        )
    return ExitStatus.PASSED
