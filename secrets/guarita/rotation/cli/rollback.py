"""`guarita rotate rollback`: back to the old value, wherever a rotation is."""

from __future__ import annotations

import getpass

import click

from guarita.cli import Context, command_options
from guarita.errors import ExitStatus
from guarita.rotation.cli.shown import show_reports
from guarita.rotation.engine.runner import Report, Result, Runner, Task
from guarita.rotation.journal import Reason
from guarita.rotation.leases import leased
from guarita.rotation.service import opened


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@command_options
def rollback(context: Context, /, names: tuple[str, ...]) -> ExitStatus:
    """Undo the rotation of a secret that is under way, until its old value stands proven again.

    Once the old value is destroyed there is no way back. Exit status: 0 when everything is as before.
    """
    with opened(context.ledger, context.config, writes=True, say=context.note) as service:
        machines = [service.machine(name) for name in service.named(names)]
        reason = Reason(code="rotation.asked", message=f"asked for by {getpass.getuser()}")
        for machine in machines:
            machine.roll_back(reason)
        with leased(service, [machine.subject for machine in machines], waits=True) as alive:
            runner = Runner(patience=service.section.patience_seconds, alive=alive)
            reports = runner.run([Task(machine, begins=False) for machine in machines])
        status = show_reports(context, reports)
        return ExitStatus.PASSED if all(map(_back, reports)) else status


def _back(report: Report) -> bool:
    return report.result is Result.ROLLED_BACK
