"""`guarita rotate drill`: rehearse on a clone what becomes of a rotation that is interrupted anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial

import click
from rich.markup import escape
from rich.table import Table

from guarita.cli import Context, command_options
from guarita.errors import ExitStatus, UsageError
from guarita.rotation.drill.explore import Attempt, explore
from guarita.rotation.drill.meddling import DrilledService, Trap
from guarita.rotation.service import Service, opened


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--clone", is_flag=True, help="The configuration names a clone, and no consumer depends on it.")
@click.option(
    "--how",
    type=click.Choice(["kill", "lose"]),
    multiple=True,
    default=("kill", "lose"),
    show_default=True,
    help="Kill the runner after each effect, or lose Vault's answer to it.",
)
@command_options
def drill(context: Context, /, names: tuple[str, ...], *, clone: bool, how: Sequence[str]) -> ExitStatus:
    """Rotate each secret again and again, interrupted after its first effect, its second, and so on to the last.

    After each, a resume has to end where the published value works, every pod runs it, what was replaced is refused
    and nothing is left over. Waits (overlap, soak) are left out. Exit status: 0 when it always did, 1 otherwise.
    """
    if not clone:
        raise UsageError(
            "rotation.not-a-clone",
            "a drill rotates dozens of times and kills runners: never do that to what is in use",
            hint="name a configuration of a clone by --config, and say --clone",
        )

    def open_service(trap: Trap | None) -> AbstractContextManager[Service]:
        return opened(context.ledger, context.config, writes=True, make=partial(DrilledService, trap=trap))

    with open_service(None) as service:
        service.named(names)
    found: dict[str, list[Attempt]] = {name: [] for name in names}
    for name, attempts in found.items():
        for one in how:
            for attempt in explore(open_service, name, "kill" if one == "kill" else "lose"):
                if not attempt.what:
                    continue
                attempts.append(attempt)
                said = "; ".join(attempt.faults) or "ended well"
                context.note(f"{name}: {attempt.how} after {attempt.what}: {said}")
    failed = any(attempt.faults for attempts in found.values() for attempt in attempts)
    if context.json:
        context.emit(
            {
                "secrets": {
                    name: [
                        {"number": one.number, "how": one.how, "what": one.what, "faults": list(one.faults)}
                        for one in attempts
                    ]
                    for name, attempts in found.items()
                }
            }
        )
    else:
        context.out.print(_table(found))
    return ExitStatus.REFUSED if failed else ExitStatus.PASSED


def _table(found: dict[str, list[Attempt]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("secret", "interrupted", "ended well", "not"):
        table.add_column(column, overflow="fold")
    for name, attempts in found.items():
        bad = [one for one in attempts if one.faults]
        said = "\n".join(f"{one.how} after {one.what}: {'; '.join(one.faults)}" for one in bad)
        table.add_row(name, str(len(attempts)), str(len(attempts) - len(bad)), escape(said))
    return table
