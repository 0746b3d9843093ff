"""`guarita audit export`: the log as tiles that others read, as JSON lines, or as OCSF events."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.progress import TaskID
from rich.text import Text

from guarita.audit.cli.opening import archive_option, opened
from guarita.audit.export.file import Written, export_lines
from guarita.audit.export.lines import FORMATS
from guarita.audit.ledger import Ledger
from guarita.audit.tiles.export import Exported, export_tiles
from guarita.cli import Bars, Context, command_options
from guarita.errors import ExitStatus

TILES = "tiles"


class Output(NamedTuple):
    """A format, and where it goes; without a place lines go to stdout."""

    form: str
    path: Path | None


class OutputType(click.ParamType[Output]):
    """`FORMAT=PATH`, or a format of lines alone for stdout."""

    name = "output"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Output:
        form, equals, path = value.partition("=")
        if form not in {TILES, *FORMATS}:
            self.fail(f"{form!r} is none of the formats: {', '.join((TILES, *FORMATS))}", param, ctx)
        if (equals and not path) or (form == TILES and not path):
            self.fail(f"{form} needs a place: {form}=PATH", param, ctx)
        return Output(form, Path(path) if path else None)


@click.command()
@click.option(
    "--output",
    "-o",
    "outputs",
    type=OutputType(),
    metavar="FORMAT[=PATH]",
    multiple=True,
    required=True,
    help="tiles=FOLDER, jsonl[=FILE] or ocsf[=FILE]; may stand several times.",
)
@archive_option
@command_options
def export(context: Context, /, outputs: tuple[Output, ...], archive: Path | None) -> ExitStatus:
    """Export the log: as a C2SP tlog-tiles folder, as JSON lines, or as OCSF events.

    What is there already is kept, and what is new is added; an export that was interrupted goes on.
    """
    with opened(context, archive=archive) as ledger, context.progress() as bars:
        checkpoint = ledger.store.latest_checkpoint()
        for form, path in outputs:
            task = bars.add_task(form, total=None)
            if path is None:
                _to_stdout(ledger, form)
            elif form == TILES:
                size = checkpoint.size if checkpoint else ledger.size
                note = checkpoint.note if checkpoint else None
                tiles = export_tiles(ledger, path, size=size, note=note, progress=_Bar(bars, task))
                _say(context, form, path, tiles)
                if not checkpoint:
                    context.note(
                        "the log has no checkpoint yet: sign one (guarita audit checkpoint), export again"
                    )
                elif size < ledger.size:
                    context.note(
                        f"{ledger.size - size} entries came after the checkpoint: guarita audit checkpoint"
                    )
            else:
                written = export_lines(
                    ledger, path, FORMATS[form], size=ledger.size, progress=_Bar(bars, task)
                )
                _say(context, form, path, written)
    return ExitStatus.PASSED


class _Bar:
    def __init__(self, bars: Bars, task: TaskID) -> None:
        self._bars, self._task = bars, task

    def __call__(self, done: int, total: int) -> None:
        self._bars.update(self._task, completed=done, total=total)


def _to_stdout(ledger: Ledger, form: str) -> None:
    for leaf in ledger.entries(0, ledger.size):
        sys.stdout.buffer.write(FORMATS[form].render(leaf, ledger.origin))
    sys.stdout.buffer.flush()


def _say(context: Context, form: str, path: Path, done: Exported | Written) -> None:
    if context.json:
        context.emit({"export": {"format": form, "path": str(path), **_plain(done)}})
    elif not context.quiet:
        context.out.print(
            Text.assemble(("✓ ", "green"), f"{form}: {done.added} added, {done.size} in all: {path}"),
            soft_wrap=True,
        )


def _plain(done: Exported | Written) -> dict[str, Any]:
    return {name: getattr(done, name) for name in done.__struct_fields__}
