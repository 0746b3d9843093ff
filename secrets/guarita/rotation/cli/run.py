"""`guarita rotate run` and `resume`: begin what is due, and go on with what is under way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from guarita.cli import Context, command_options
from guarita.errors import ExitStatus, UsageError
from guarita.rotation.choosing import Chosen
from guarita.rotation.cli import orphaned
from guarita.rotation.cli.metrics import tell_metrics
from guarita.rotation.cli.shown import show_reports
from guarita.rotation.engine.runner import Report, Result
from guarita.rotation.service import Service, opened, ordered
from guarita.rotation.survey import survey


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--due", is_flag=True, help="Every secret that is due, and all that is under way.")
@click.option(
    "--emergency",
    metavar="NAME",
    multiple=True,
    help="Rotate it now with no overlap: whoever holds the old value is cut off.",
)
@click.option("--anytime", is_flag=True, help="Wait for no maintenance window.")
@click.option("--yes", is_flag=True, help="Ask nothing before an emergency.")
@command_options
def run(
    context: Context,
    /,
    names: tuple[str, ...],
    *,
    due: bool,
    emergency: tuple[str, ...],
    anytime: bool,
    yes: bool,
) -> ExitStatus:
    """Rotate what is due, or the secrets NAMEd whether due or not, as far as it goes now.

    What has to wait longer than `patience_seconds` is left to the next run. Exit status: 0 when everything went as
    far as it can, 1 when something was rolled back or needs a person, 3 when something could not be reached.
    """
    if not (names or due or emergency):
        raise UsageError("rotation.nothing-named", "nothing to rotate is named", hint="--due, or NAME...")
    with opened(context.ledger, context.config, writes=True, say=context.note) as service:
        service.named([*names, *emergency])
        _warn(context, service, emergency, yes=yes)
        chosen = Chosen(service, anytime=anytime)
        for name in ordered(
            dict.fromkeys((*emergency, *names, *(service.section.secrets if due else ()))),
            service.section.secrets,
        ):
            chosen.add(name, asked=name in names, emergency=name in emergency)
        reports = chosen.moved()
        again = [name for name in emergency if name in chosen.leaked and _ended(reports, name)]
        if again:
            # What was under way ended by a value that consumers have had: it may be the one that leaked.
            context.note(f"once more, since a rotation was under way: {', '.join(again)}")
            second = Chosen(service, anytime=True)
            for name in again:
                second.add(name, asked=True, emergency=True)
            reports = [report for report in reports if report.secret not in again] + second.moved()
        if due:
            reports += orphaned.reports(service)
        tell_metrics(context, service, reports)
        return show_reports(context, reports)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--anytime", is_flag=True, help="Wait for no maintenance window.")
@command_options
def resume(context: Context, /, names: tuple[str, ...], *, anytime: bool) -> ExitStatus:
    """Go on with what is under way, begin nothing, and end what late calls of earlier runs left valid."""
    with opened(context.ledger, context.config, writes=True, say=context.note) as service:
        chosen = Chosen(service, anytime=anytime, takes_over=True)
        for name in ordered(service.named(names), service.section.secrets):
            chosen.add(name, resumes=True)
        reports = chosen.moved() + ([] if names else orphaned.reports(service))
        tell_metrics(context, service, reports)
        return show_reports(context, reports)


def _warn(context: Context, service: Service, emergency: Sequence[str], *, yes: bool) -> None:
    """Print who will be cut off, before anybody is."""
    for name in emergency:
        for line in _cut_off(service, name):
            context.err.print(f"{name}: {line}", markup=False, soft_wrap=True)
    if emergency and context.interactive and not yes:
        click.confirm("Rotate now, and cut them off?", abort=True, err=True)


def _cut_off(service: Service, name: str) -> Iterator[str]:
    subject = service.subject(name)
    there = None if subject.place is None else service.kv.get(subject.place)
    fields = {} if there is None or there.data is None else dict(there.data)
    current = subject.rotator.current(fields)
    if current is None:
        yield "nobody is cut off: there is no value yet"
        return
    users = subject.rotator.users(current)
    found = survey(subject, service.tools, service.entry(name))
    for user in users:
        yield f"cuts off {user}"
    for consumer in found.consumers:
        yield f"cuts off {consumer} until it has restarted"
    if not users and not found.consumers:
        yield "nobody is known to use it; whoever does is cut off"


def _ended(reports: Sequence[Report], name: str) -> bool:
    ended = {Result.DONE, Result.ROLLED_BACK}
    return any(report.secret == name and report.result in ended for report in reports)
