"""`guarita rotate plan`: what is due and why, in which order, who consumes it, and what would hinder it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from guarita.cli import Context, command_options
from guarita.errors import ExitStatus, GuaritaError
from guarita.rotation.cli import orphaned
from guarita.rotation.cli.sealing import looked_at, show
from guarita.rotation.cli.shown import error_document
from guarita.rotation.cli.status import standing_document
from guarita.rotation.rotators.build import kind_of
from guarita.rotation.sealed.configured import document
from guarita.rotation.service import Service, opened, ordered
from guarita.rotation.spans import day
from guarita.rotation.standing import Age, Standing, standing
from guarita.rotation.survey import Survey, survey
from guarita.rotation.windows import opens


@dataclass(frozen=True)
class Planned:
    """A secret, how it stands, and what was found of it."""

    standing: Standing
    survey: Survey
    begins: float
    """When its rotation may begin, if it is due: by the maintenance windows."""
    after: Sequence[str]


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--due", is_flag=True, help="Only what is due.")
@command_options
def plan(context: Context, /, names: tuple[str, ...], *, due: bool) -> ExitStatus:
    """Look at every secret, its target and its consumers, and say what a run would do. Changes nothing.

    Exit status: 0, or 1 when something would hinder a rotation, 3 when something could not be looked at.
    """
    with opened(context.ledger, context.config, writes=False) as service:
        found: list[Planned] = []
        failed: dict[str, GuaritaError] = {}
        for name in ordered(service.named(names), service.section.secrets):
            try:
                one = _planned(service, name)
            except GuaritaError as error:
                failed[name] = error
                continue
            if one.standing.wanted or not due:
                found.append(one)
        sealing = looked_at(service, failed)
        left = orphaned.left_behind(service, failed)
        requests = {"vault": service.vault.requests, "kubernetes": service.clusters.requests}
    if context.json:
        context.emit(
            {
                "secrets": [_document(one) for one in found],
                "sealing_keys": [document(age) for age in sealing],
                "orphaned": [entry.secret for entry in left],
                "errors": {name: error_document(error) for name, error in failed.items()},
                "requests": requests,
            }
        )
    else:
        _show(context, found, failed)
        show(context, sealing)
        orphaned.show(context, left)
    if failed:
        return ExitStatus.UNKNOWN
    hindered = any(one.survey.hindering for one in found)
    return ExitStatus.REFUSED if hindered or left else ExitStatus.PASSED


def _planned(service: Service, name: str) -> Planned:
    section, now = service.section.secrets[name], service.clock.now()
    entry = service.entry(name)
    found = survey(service.subject(name), service.tools, entry)
    stands = standing(
        name,
        section,
        kind=kind_of(section),
        entry=entry,
        created=found.created,
        now=now,
        jitter_days=service.section.jitter_days,
    )
    waits = stands.state is not Age.OVERDUE
    begins = opens(service.section.windows, max(now.server, stands.due or 0.0)) if waits else now.server
    return Planned(stands, found, begins, section.after)


def _show(context: Context, found: Sequence[Planned], failed: dict[str, GuaritaError]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("#", "secret", "type", "why", "begins", "consumers"):
        table.add_column(column, overflow="fold")
    for number, one in enumerate(found, 1):
        stands = one.standing
        colour = {Age.OVERDUE: "bold red", Age.FRESH: "green"}.get(stands.state, "yellow")
        table.add_row(
            str(number),
            stands.secret,
            stands.kind,
            f"[{colour}]{escape(stands.why)}[/{colour}]",
            day(one.begins),
            str(len(one.survey.consumers)),
        )
    context.out.print(table)
    for one in found:
        for line in _lines(one):
            context.out.print(f"{one.standing.secret}: {line}", markup=False, soft_wrap=True)
    for name, error in failed.items():
        context.err.print(f"{name}: {error.message}", markup=False, soft_wrap=True)


def _lines(one: Planned) -> list[str]:
    lines = [f"after {', '.join(one.after)}"] if one.after else []
    for consumer in one.survey.consumers:
        hindered = f": will not converge: {consumer.obstacle}" if consumer.obstacle else ""
        lines.append(f"{consumer} takes it by {'; '.join(consumer.uses)}{hindered}")
    for problem in one.survey.problems:
        hint = f" → {problem.hint}" if problem.hint else ""
        lines.append(f"{'hinders: ' if problem.hinders else 'note: '}{problem.message}{hint}")
    return lines


def _document(one: Planned) -> dict[str, Any]:
    return {
        **standing_document(one.standing),
        "why": one.standing.why,
        "wanted": one.standing.wanted,
        "begins": one.begins,
        "after": list(one.after),
        "consumers": [
            {
                "kind": consumer.kind,
                "name": consumer.name,
                "namespace": consumer.delivery.namespace,
                "cluster": consumer.delivery.cluster,
                "rotation": consumer.rotation,
                "uses": list(consumer.uses),
                "obstacle": consumer.obstacle,
            }
            for consumer in one.survey.consumers
        ],
        "problems": [dataclasses.asdict(problem) for problem in one.survey.problems],
    }
