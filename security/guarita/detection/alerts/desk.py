"""What people do about alerts: acknowledge an incident, silence, lift a silence."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from msgspec.structs import replace

from guarita.detection.alerts.errors import AlertsUsageError
from guarita.detection.alerts.model import Acknowledged, Incident, Silence
from guarita.detection.alerts.outbox import want
from guarita.detection.alerts.records import Entry, Operation, entry
from guarita.detection.alerts.routing import due
from guarita.detection.alerts.state import State
from guarita.detection.alerts.turn import Turn


def find(state: State, name: str) -> Incident:
    """The incident whose name begins so. Raises AlertsUsageError `alerts.no-incident`."""
    found = state.incidents_like(name) if name else []
    if len(found) != 1:
        said = "more than one incident begins" if found else "no incident begins"
        raise AlertsUsageError(
            "alerts.no-incident", f"{said} with {name!r}", hint="`guarita detect alerts list` names them"
        )
    return found[0]


def acknowledge(turn: Turn, name: str, by: str) -> Incident:
    """Take an incident on: it is neither repeated nor escalated until more comes.

    Raises AlertsUsageError: `alerts.no-incident`, `alerts.resolved`.
    """
    incident = find(turn.state, name)
    if incident.resolved is not None:
        raise AlertsUsageError("alerts.resolved", f"the incident {incident.id} is over")
    if incident.acknowledged is not None:
        return incident
    incident = replace(incident, acknowledged=Acknowledged(by=by, at=turn.now))
    for channel in incident.told:
        want(turn, incident, channel, "acknowledge")
    turn.tell(
        "alert.acknowledged",
        incident,
        actor=by,
        after_ms=turn.now - incident.opened,
    )
    turn.state.save(incident, due(incident, turn.routing))
    return incident


def silence(turn: Turn, matchers: Mapping[str, str], *, owner: str, reason: str, until: int) -> Silence:
    """Have alerts that match told to nobody until then (ms)."""
    made = Silence(
        id=secrets.token_hex(4),
        matchers=dict(matchers),
        owner=owner,
        reason=reason,
        since=turn.now,
        until=until,
    )
    turn.state.save_silence(made)
    turn.state.record(_about("alert.silenced", made, turn.now, by=owner))
    return made


def unsilence(turn: Turn, id_: str, by: str) -> Silence:
    """Lift a silence. What it kept back and still lasts is told. Raises AlertsUsageError `alerts.no-silence`."""
    there = turn.state.silence(id_)
    if there is None or there.until <= turn.now:
        raise AlertsUsageError(
            "alerts.no-silence",
            f"no silence {id_!r} holds",
            hint="`guarita detect alerts silences` names them",
        )
    lifted = replace(there, until=turn.now)
    turn.state.save_silence(lifted)
    turn.state.look_again()
    turn.state.record(_about("alert.unsilenced", lifted, turn.now, by=by))
    return lifted


def _about(operation: Operation, made: Silence, now: int, *, by: str) -> Entry:
    return entry(
        operation,
        time=now,
        resource=made.id,
        actor=by,
        level="medium",
        matchers=made.matchers,
        owner=made.owner,
        reason_given=made.reason,
        until=made.until,
    )
