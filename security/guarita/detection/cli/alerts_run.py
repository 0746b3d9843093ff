"""`guarita detect alerts run`: from the ledger to the channels."""

from __future__ import annotations

import signal
import threading
from typing import Any, Final

import click

from guarita.cli import Context, command_options
from guarita.cli.main import show_error
from guarita.detection.alerts.courier import Courier
from guarita.detection.alerts.state import State
from guarita.detection.cli.opening import opened
from guarita.errors import ExitStatus, GuaritaError, UsageError

END: Final = -1


class Place(click.ParamType[int]):
    """The index of an entry, or `end`."""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if value == "end":
            return END
        if not str(value).isdecimal():
            self.fail(f"{value!r} is neither an index nor `end`", param, ctx)
        return int(value)


@click.command()
@click.option("--follow", "-f", is_flag=True, help="Go on, until interrupted.")
@click.option("--once", is_flag=True, help="Read, and try once what is due. [default]")
@click.option(
    "--from",
    "start",
    type=Place(),
    metavar="INDEX",
    help="Where to begin in a ledger that was never read for alerts; `end` leaves out what it has. [default: its beginning]",
)
@command_options
def run(context: Context, /, *, follow: bool, once: bool, start: int | None) -> ExitStatus:
    """Deliver alerts: those that were detected since, those that were not accepted before, those that last.

    Any number of these may run on one ledger. Exit status without --follow: 0 when nothing that was due is left,
    1 when a channel refused, 3 when one was not to be had.
    """
    if follow and once:
        raise UsageError("alerts.usage", "--follow and --once exclude each other")
    with opened(context, sign=True) as office:
        size = office.ledger.size
        if start is not None and start > size:
            raise UsageError("alerts.usage", f"the log has {size} entries")
        courier = Courier(*office)
        courier.begin(size if start == END else start)
        if follow:
            stop = threading.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stop.set())
            courier.follow(stop, lambda error: show_error(error, as_json=context.json))
            return ExitStatus.PASSED
        courier.once()
        with office.database.transaction() as execute:
            pending = len(State(execute).deliveries())
        errors = courier.errors
    for name, error in errors.items():
        show_error(
            GuaritaError(error.code, f"{name}: {error.message}", hint=error.hint), as_json=context.json
        )
    if context.json:
        context.emit({"sent": courier.sent, "pending": pending, "failing": sorted(errors)})
    else:
        context.note(f"{courier.sent} sent, {pending} pending")
    return max((error.exit_status for error in errors.values()), default=ExitStatus.PASSED)
