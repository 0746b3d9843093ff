"""`guarita doctor`: what is in order, what is not, and what to do."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import click
from rich.text import Text

from guarita import config
from guarita.cli import Context, command_options
from guarita.doctor.examine import examine, overall
from guarita.doctor.interface import Check, Found, Registered, Standing, Subject
from guarita.errors import ExitStatus

GROUP = "guarita.doctor"
_MARKS = {Standing.WELL: ("✓", "green"), Standing.WRONG: ("✗", "red"), Standing.UNKNOWN: ("?", "yellow")}


@click.command()
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 3600),
    default=20.0,
    show_default=True,
    help="Seconds that a check may take.",
)
@command_options
def doctor(context: Context, /, timeout: float) -> ExitStatus:
    """Check what Guarita stands on, and say what to do.

    Exit status 0 when all is well, 1 when something is wrong, 2 when the configuration cannot be read, 3 when
    something could not be found out.
    """
    file = context.config or Path(config.FILE_NAME)
    there = context.config is not None or file.exists()
    subject = Subject(config.load(file) if there else config.Config(), file, context.ledger)
    loaded = f"{file} holds" if there else f"there is no {file}: defaults hold"
    found = examine([Check("configuration", lambda: loaded), *_checks(subject)], timeout)
    if context.json:
        context.emit({"checks": found})
    else:
        _show(context, found)
    return overall(found)


def _checks(subject: Subject) -> list[Check]:
    checks: list[Check] = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            registered: Registered = entry.load()
        except ModuleNotFoundError as error:
            absent = f"not checked: {error.name} is not installed here"
            checks.append(Check(entry.name, lambda said=absent: said))  # type: ignore[misc]
            continue
        checks.extend(registered(subject))
    return checks


def _show(context: Context, found: list[Found]) -> None:
    width = max(len(one.check) for one in found)
    for one in found:
        if context.quiet and one.standing is Standing.WELL:
            continue
        context.out.print(
            Text.assemble(_MARKS[one.standing], f" {one.check:<{width}}  {one.message}"), soft_wrap=True
        )
        if one.hint:
            context.out.print(f"  {'':<{width}}  → {one.hint}", markup=False, soft_wrap=True)
