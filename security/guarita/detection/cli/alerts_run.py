"""`guarita detect alerts run`: from the ledger to the channels."""

from __future__ import annotations

import signal
import threading

import click

from guarita.cli import Context, command_options
from guarita.cli.main import show_error
from guarita.detection.alerts.courier import Courier
from guarita.detection.alerts.state import State
from guarita.detection.cli.opening import opened
from guarita.errors import ExitStatus, GuaritaError, UsageError


@click.command()
@click.option("--follow", "-f", is_flag=True, help="Go on, until interrupted.")
@click.option("--once", is_flag=True, help="Read, and try once what is due. [default]")
@command_options
def run(context: Context, /, *, follow: bool, once: bool) -> ExitStatus:
    """Deliver alerts: those that were detected since, those that were not accepted before, those that last.

    Any number of these may run on one ledger. Exit status without --follow: 0 when nothing that was due is left,
    1 when a channel refused, 3 when one was not to be had.
    """
    if follow and once:
        raise UsageError("alerts.usage", "--follow and --once exclude each other")
    with opened(context, sign=True) as office:
        courier = Courier(*office)
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
