"""`guarita report`: the posture as a page or as data, and `guarita report serve`, which keeps the page live."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
from click.core import ParameterSource

from guarita import config
from guarita.audit import Ledger, LedgerCorruptError, open_configured
from guarita.audit.locate import project
from guarita.cli import Context, command_options
from guarita.cli.replacing import replacing
from guarita.errors import ExitStatus, UsageError
from guarita.report.interface import Posture
from guarita.report.page import page
from guarita.report.page.words import Lang, Words
from guarita.report.posture import Surveyor, broken

_DAYS = click.IntRange(1, 400)
_language = click.option(
    "--lang", type=click.Choice(["en", "pt-BR"]), default="en", show_default=True, help="The page's language."
)
_days = click.option("--days", type=_DAYS, default=30, show_default=True, help="How many days are counted.")


@click.group(invoke_without_command=True)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("posture.html"),
    show_default=True,
    metavar="FILE",
    help="Where the page is written.",
)
@_days
@_language
@command_options
def report(context: Context, /, *, output: Path, days: int, lang: str) -> ExitStatus | None:
    """Write the security posture as one self-contained page; with --json print it as data.

    Exit status: 0, 1 when the ledger does not hold (the page says so), 3 when it cannot be read.
    """
    asked = click.get_current_context()
    if asked.invoked_subcommand is not None:
        _none_given(asked)
        return None
    with _opened(context) as ledger:
        posture = _surveyed(context, ledger, days)
    if context.json:
        context.emit(msgspec.to_builtins(posture))
    else:
        with replacing(output) as file:
            file.write(page(posture, Words(_lang(lang))))
        context.note(f"{output}: {len(posture.steps)} to do")
    return ExitStatus.REFUSED if posture.ledger.damage else ExitStatus.PASSED


@report.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=8600, show_default=True, help="On 127.0.0.1.")
@click.option("--every", type=click.IntRange(1, 3600), default=30, show_default=True, metavar="SECONDS",
              help="How old the page may be.")  # fmt: skip
@_days
@_language
@command_options
def serve(context: Context, /, *, port: int, every: int, days: int, lang: str) -> ExitStatus:
    """Serve the page on the loopback address, and keep it live, until interrupted.

    It asks nobody who they are: for others put the gateway in front of it.
    """
    from guarita.report.server import Live, serving  # noqa: PLC0415  # a page alone needs no server

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    surveyors: list[Surveyor] = []
    with _opened(context) as ledger:

        def look() -> Posture:
            if isinstance(ledger, LedgerCorruptError):
                return broken(ledger, _now(), days=days)
            if not surveyors:
                surveyors.append(Surveyor(ledger, _config(context), days=days))
            return surveyors[0].survey(_now())

        live = Live(lambda: page(look(), Words(_lang(lang)), refresh=every), every=every)
        with serving(live, port) as address:
            context.note(f"http://{address[0]}:{address[1]}/ until interrupted")
            stop.wait()
    return ExitStatus.PASSED


def _none_given(asked: click.Context) -> None:
    """What stands before a subcommand would be silently ignored by it."""
    given = [name for name in asked.params if asked.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given:
        raise UsageError(
            "report.options",
            f"--{given[0]} stands before {asked.invoked_subcommand}, which would not see it",
            hint=f"guarita report {asked.invoked_subcommand} --{given[0]} …",
        )


@contextlib.contextmanager
def _opened(context: Context) -> Iterator[Ledger | LedgerCorruptError]:
    """The ledger, or why it does not hold."""
    try:
        ledger = open_configured(context.ledger, context.config, create=False, read_only=True)
    except LedgerCorruptError as error:
        yield error
        return
    with ledger:
        yield ledger


def _surveyed(context: Context, ledger: Ledger | LedgerCorruptError, days: int) -> Posture:
    if isinstance(ledger, LedgerCorruptError):
        return broken(ledger, _now(), days=days)
    with context.progress() as bars:
        task = bars.add_task("entries", total=ledger.size)
        surveyor = Surveyor(ledger, _config(context), days=days)
        return surveyor.survey(_now(), lambda done, whole: bars.update(task, completed=done, total=whole))


def _config(context: Context) -> config.Config | None:
    file = context.config or project() / config.FILE_NAME
    return config.load(file) if context.config or file.exists() else None


def _lang(lang: str) -> Lang:
    return "pt-BR" if lang == "pt-BR" else "en"


def _now() -> int:
    return time.time_ns() // 1_000_000
