"""`guarita detect alerts list`: incidents, their alerts, and who has heard of them."""

from __future__ import annotations

from typing import Any

import click
import msgspec
from rich.table import Table
from rich.text import Text

from guarita.cli import Context, command_options
from guarita.detection.alerts import desk
from guarita.detection.alerts.courier import clock
from guarita.detection.alerts.model import Alert, Delivery, Incident, Silence
from guarita.detection.alerts.silences import muted_until
from guarita.detection.alerts.state import State
from guarita.detection.alerts.text import moment, plain
from guarita.detection.cli.opening import opened
from guarita.errors import ExitStatus


@click.command("list")
@click.argument("incident", required=False)
@click.option("--all", "-a", "closed", is_flag=True, help="Those too that are over.")
@command_options
def list_(context: Context, /, *, incident: str | None, closed: bool) -> ExitStatus:
    """List open incidents; of one INCIDENT its alerts."""
    now = clock()
    with opened(context) as office, office.database.transaction() as execute:
        state = State(execute)
        silences = state.silences(now)
        if incident is not None:
            found = desk.find(state, incident)
            row, alerts = _row(found, state, silences, now), state.alerts(found.id)
            ours = [one for one in state.deliveries(pending=False) if one.incident == found.id]
            _one(context, row, alerts, ours)
            return ExitStatus.PASSED
        rows = [_row(one, state, silences, now) for one in state.incidents(closed=closed)]
        pending = state.deliveries()
    if context.json:
        context.emit({"incidents": rows, "pending": [_delivery(one) for one in pending]})
        return ExitStatus.PASSED
    columns = ("incident", "level", "state", "alerts", "opened (UTC)", "told", "title")
    _table(context, columns, [[row[column.split()[0]] for column in columns] for row in rows])
    _pending(context, pending)
    return ExitStatus.PASSED


def _one(context: Context, row: dict[str, Any], alerts: list[Alert], deliveries: list[Delivery]) -> None:
    if context.json:
        listed = [msgspec.to_builtins(one) for one in alerts]
        context.emit({**row, "list": listed, "deliveries": [_delivery(one) for one in deliveries]})
        return
    columns = ("level", "count", "first (UTC)", "last (UTC)", "told first (UTC)", "alert")
    _table(context, columns, [_alert(one) for one in alerts])
    _pending(context, [one for one in deliveries if one.wants])


def _alert(alert: Alert) -> list[str]:
    group = ", ".join(f"{name}={value}" for name, value in alert.group.items())
    heard = moment(alert.notified) if alert.notified is not None else "not yet"
    return [
        alert.level,
        str(alert.count),
        moment(alert.first),
        moment(alert.last),
        heard,
        plain(f"{alert.title} {group}"),
    ]


def _row(incident: Incident, state: State, silences: list[Silence], now: int) -> dict[str, Any]:
    return {
        "incident": incident.id,
        "level": incident.level,
        "state": _state(incident, state.alerts(incident.id), silences, now),
        "alerts": incident.alerts,
        "opened": moment(incident.opened),
        "told": ", ".join(incident.told),
        "title": plain(incident.title),
        "rule": incident.rule,
        "route": incident.route,
        "labels": incident.labels,
        "acknowledged": incident.acknowledged.by if incident.acknowledged else None,
        "resolved": None if incident.resolved is None else moment(incident.resolved),
    }


def _state(incident: Incident, alerts: list[Alert], silences: list[Silence], now: int) -> str:
    if incident.resolved is not None:
        return "over"
    if alerts and all(muted_until(silences, alert, now) is not None for alert in alerts):
        return "silenced"
    if incident.acknowledged is not None:
        return f"acknowledged by {plain(incident.acknowledged.by)}"
    return "open"


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "incident": delivery.incident,
        "channel": delivery.channel,
        "wants": delivery.wants,
        "attempts": delivery.attempts,
        "due": moment(delivery.due),
        "error": delivery.error,
    }


def _pending(context: Context, deliveries: list[Delivery]) -> None:
    for one in deliveries:
        error = f", last error {one.error}" if one.error else ""
        context.note(
            f"{one.channel} is still to be told of {one.incident}: {', '.join(one.wants)}, "
            f"{one.attempts} attempts{error}"
        )


def _table(context: Context, columns: tuple[str, ...], rows: list[list[Any]]) -> None:
    if not rows:
        context.note("none")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in {"alerts", "count"} else "left")
    for row in rows:
        table.add_row(*(Text(str(value)) for value in row))
    context.out.print(table)
