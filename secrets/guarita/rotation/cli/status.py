"""`guarita rotate status`: how old every secret is, what is under way, and what is older than its limit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import click
from rich.markup import escape
from rich.table import Table

from guarita.cli import Context, command_options
from guarita.config.rotation_base import DAY
from guarita.errors import ExitStatus, GuaritaError
from guarita.rotation.cli import orphaned
from guarita.rotation.cli.sealing import looked_at, show
from guarita.rotation.cli.shown import error_document
from guarita.rotation.journal import Reason
from guarita.rotation.sealed.configured import document
from guarita.rotation.service import Service, opened
from guarita.rotation.spans import day, span
from guarita.rotation.standing import Age, Standing

_COLOURS: Final = {Age.FRESH: "green", Age.DUE: "yellow", Age.OVERDUE: "bold red", Age.MISSING: "yellow"}
_FAR_APART: Final = 60.0


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@command_options
def status(context: Context, /, names: tuple[str, ...]) -> ExitStatus:
    """Show the age of every secret, its phase and when it is due. Changes nothing.

    Exit status: 0 when none is older than its limit and none needs a person, 1 otherwise, 3 when one could not be
    read.
    """
    with opened(context.ledger, context.config, writes=False) as service:
        now = service.clock.now()
        found, failed = _read(service, list(service.named(names)))
        sealing = looked_at(service, failed)
        left = orphaned.left_behind(service, failed)
        if context.json:
            context.emit(
                {
                    "at": now.server,
                    "clocks_apart": now.apart,
                    "secrets": [standing_document(one) for one in found],
                    "sealing_keys": [document(age) for age in sealing],
                    "orphaned": [entry.secret for entry in left],
                    "errors": {name: error_document(error) for name, error in failed.items()},
                    "requests": {"vault": service.vault.requests, "kubernetes": service.clusters.requests},
                }
            )
        else:
            context.out.print(_table(found, now.server))
            show(context, sealing)
            orphaned.show(context, left)
            for name, error in failed.items():
                context.err.print(f"{name}: {error.message}", markup=False, soft_wrap=True)
            if now.apart > _FAR_APART:
                context.note(f"the clocks of this host and of Vault are {span(now.apart)} apart")
    if failed:
        return ExitStatus.UNKNOWN
    red = [one for one in found if one.state is Age.OVERDUE or needs_a_person(one)]
    return ExitStatus.REFUSED if red or left else ExitStatus.PASSED


def _read(service: Service, names: Sequence[str]) -> tuple[list[Standing], dict[str, GuaritaError]]:
    now, found, failed = service.clock.now(), [], {}
    for name in names:
        try:
            found.append(service.standing(name, now))
        except GuaritaError as error:
            failed[name] = error
    return found, failed


def waiting(one: Standing) -> Reason | None:
    """Why it does not go on, if it does not. Without `until` a person is needed."""
    return None if one.entry is None or one.entry.work is None else one.entry.work.waiting


def needs_a_person(one: Standing) -> bool:
    """Whether what is under way will not go on by itself."""
    waits = waiting(one)
    return waits is not None and waits.until is None


def _table(found: Sequence[Standing], now: float) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("secret", "type", "state", "age", "limit", "due", "phase", ""):
        table.add_column(column, overflow="fold")
    for one in sorted(found, key=lambda each: -(each.age or 0) / each.limit):
        colour = _COLOURS[one.state]
        work = None if one.entry is None else one.entry.work
        waits = waiting(one)
        why = "" if waits is None else waits.message
        if waits is not None and waits.until is not None:
            why = f"{why} (again in {span(max(0.0, waits.until - now))})"
        table.add_row(
            one.secret,
            one.kind,
            f"[{colour}]{one.state}[/{colour}]",
            "" if one.age is None else "unknown" if one.age == float("inf") else f"{one.age / DAY:.1f} d",
            f"{one.limit / DAY:g} d",
            day(one.due),
            _phase(one) if work is None else str(work.phase),
            escape(why),
        )
    return table


def _phase(one: Standing) -> str:
    last = None if one.entry is None else one.entry.last
    return "never rotated" if last is None else str(last.phase)


def standing_document(one: Standing) -> dict[str, Any]:
    """How a secret stands, for machines. An age that cannot be known is null, and the state says overdue."""
    work = None if one.entry is None else one.entry.work
    last = None if one.entry is None else one.entry.last
    current = None if one.entry is None else one.entry.current
    waits = waiting(one)
    return {
        "secret": one.secret,
        "type": one.kind,
        "state": one.state,
        "age_seconds": None if one.age is None or one.age == float("inf") else one.age,
        "limit_seconds": one.limit,
        "created": one.created,
        "due": one.due,
        "rotation": None if current is None else current.rotation,
        "fingerprint": None if current is None else current.fingerprint,
        "handle": None if current is None else current.handle,
        "under_way": None
        if work is None
        else {
            "rotation": work.rotation,
            "phase": work.phase,
            "pending": work.pending,
            "emergency": work.emergency,
            "waiting": None
            if waits is None
            else {"code": waits.code, "message": waits.message, "until": waits.until},
        },
        "last": None
        if last is None
        else {
            "rotation": last.rotation,
            "phase": last.phase,
            "at": last.at.server,
            "reason": None
            if last.reason is None
            else {"code": last.reason.code, "message": last.reason.message},
        },
    }
