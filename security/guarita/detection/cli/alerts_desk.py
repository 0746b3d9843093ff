"""`guarita detect alerts ack`, `silence`, `unsilence` and `silences`."""

from __future__ import annotations

import getpass
import re
from typing import Any, Final

import click
from rich.table import Table
from rich.text import Text

from guarita.cli import Context, command_options
from guarita.detection.alerts import desk
from guarita.detection.alerts.courier import clock, write_records
from guarita.detection.alerts.model import Silence
from guarita.detection.alerts.silences import matchers
from guarita.detection.alerts.state import State
from guarita.detection.alerts.text import moment, plain
from guarita.detection.alerts.turn import Turn
from guarita.detection.cli.opening import opened
from guarita.errors import ExitStatus

_UNITS: Final = {"m": 60, "h": 3600, "d": 86_400}
_LONGEST: Final = 90
"""Days that a silence may last."""


class Duration(click.ParamType[int]):
    """`30m`, `2h`, `7d`, as ms."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"([0-9]{1,6})([mhd])", str(value))
        seconds = int(found[1]) * _UNITS[found[2]] if found else 0
        if not 0 < seconds <= _LONGEST * _UNITS["d"]:
            self.fail(f"{value!r} is no duration such as 30m, 2h or 7d, of at most {_LONGEST}d", param, ctx)
        return seconds * 1000


_who = click.option(
    "--by",
    default=getpass.getuser,
    show_default="the user of this process",
    metavar="NAME",
    help="Who does it.",
)


@click.command()
@click.argument("incident")
@_who
@command_options
def ack(context: Context, /, *, incident: str, by: str) -> ExitStatus:
    """Take an INCIDENT on: it is neither repeated nor escalated, until more comes to it."""
    with opened(context) as office:
        with office.database.transaction() as execute:
            done = desk.acknowledge(Turn(State(execute), office.routing, clock()), incident, by)
        write_records(office.ledger, office.database)
    if context.json:
        context.emit({"incident": done.id, "by": done.acknowledged and done.acknowledged.by})
    else:
        context.note(f"{done.id} is acknowledged by {done.acknowledged.by if done.acknowledged else by}")
    return ExitStatus.PASSED


@click.command()
@click.argument("matcher", nargs=-1, required=True)
@click.option("--for", "duration", type=Duration(), required=True, help="How long: 30m, 2h, 7d.")
@click.option("--reason", required=True, help="Why.")
@click.option("--owner", required=True, help="The person or team that answers for it.")
@command_options
def silence(
    context: Context, /, *, matcher: tuple[str, ...], duration: int, reason: str, owner: str
) -> ExitStatus:
    """Tell nobody, for a while, of alerts that match every MATCHER.

    A MATCHER is rule=PATTERN, level=PATTERN, tag=PATTERN or group.FIELD=PATTERN, with * and ?.
    """
    wanted = matchers(matcher)
    with opened(context) as office:
        now = clock()
        with office.database.transaction() as execute:
            made = desk.silence(
                Turn(State(execute), office.routing, now),
                wanted,
                owner=owner,
                reason=reason,
                until=now + duration,
            )
        write_records(office.ledger, office.database)
    if context.json:
        context.emit(_row(made))
    else:
        context.out.print(made.id)
        context.note(f"silenced until {moment(made.until)}")
    return ExitStatus.PASSED


@click.command()
@click.argument("silence_id", metavar="SILENCE")
@_who
@command_options
def unsilence(context: Context, /, *, silence_id: str, by: str) -> ExitStatus:
    """Lift a SILENCE. What it kept back and still lasts is told."""
    with opened(context) as office:
        with office.database.transaction() as execute:
            lifted = desk.unsilence(Turn(State(execute), office.routing, clock()), silence_id, by)
        write_records(office.ledger, office.database)
    if context.json:
        context.emit(_row(lifted))
    else:
        context.note(f"{lifted.id} is lifted")
    return ExitStatus.PASSED


@click.command()
@command_options
def silences(context: Context, /) -> ExitStatus:
    """List the silences that hold."""
    with opened(context) as office, office.database.transaction() as execute:
        found = State(execute).silences(clock())
    if context.json:
        context.emit({"silences": [_row(one) for one in found]})
        return ExitStatus.PASSED
    if not found:
        context.note("none")
        return ExitStatus.PASSED
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("silence", "until (UTC)", "matchers", "owner", "reason"):
        table.add_column(column)
    for one in found:
        matching = " ".join(f"{name}={pattern}" for name, pattern in one.matchers.items())
        table.add_row(
            one.id, moment(one.until), *(Text(plain(text)) for text in (matching, one.owner, one.reason))
        )
    context.out.print(table)
    return ExitStatus.PASSED


def _row(silence_: Silence) -> dict[str, Any]:
    return {
        "silence": silence_.id,
        "matchers": silence_.matchers,
        "owner": silence_.owner,
        "reason": silence_.reason,
        "since": moment(silence_.since),
        "until": moment(silence_.until),
    }
