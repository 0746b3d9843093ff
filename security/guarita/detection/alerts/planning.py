"""What time brings to an incident: to be told, told again, escalated, refreshed, resolved."""

from __future__ import annotations

from msgspec.structs import replace

from guarita.config.detection_alerts import LOG
from guarita.detection.alerts.model import Alert, Incident, Silence
from guarita.detection.alerts.outbox import want
from guarita.detection.alerts.routing import MS, due
from guarita.detection.alerts.settling import logged
from guarita.detection.alerts.silences import parted
from guarita.detection.alerts.state import NEVER
from guarita.detection.alerts.turn import Turn


def advance(turn: Turn, incident: Incident, silences: list[Silence]) -> None:
    """Take every step that is due for an incident, within the turn."""
    audible, muted = _heard(turn, incident, silences)
    over = turn.now >= incident.seen + round(turn.routing.of(incident).resolve_after * MS)
    if over and not (incident.fresh and _unheard(audible)):
        incident = _resolved(turn, incident, told=bool(audible))
    elif not audible:
        # Nothing is told of it while it is silenced; the first of the silences to end is the time to look.
        wake = min(muted, default=NEVER)
        incident = replace(
            incident,
            notify_at=max(incident.notify_at, wake),
            repeat_at=None if incident.repeat_at is None else max(incident.repeat_at, wake),
            escalate_at=None if incident.escalate_at is None else max(incident.escalate_at, wake),
            refresh_at=None if incident.refresh_at is None else max(incident.refresh_at, wake),
        )
    else:
        incident = _told(turn, incident, audible, muted)
        incident = _escalated(turn, incident)
        incident = _refreshed(turn, incident)
    turn.state.save(incident, due(incident, turn.routing))


def _heard(turn: Turn, incident: Incident, silences: list[Silence]) -> tuple[list[Alert], list[int]]:
    """The alerts that may be told of, and the ends of the silences that keep the others back."""
    audible, muted = parted(silences, turn.state.alerts(incident.id), turn.now)
    for alert, _ in muted:
        if not alert.held and alert.notified is None:
            turn.state.save_alert(replace(alert, held=True))
    return audible, [end for _, end in muted]


def _unheard(alerts: list[Alert]) -> bool:
    return any(alert.notified is None for alert in alerts)


def _told(turn: Turn, incident: Incident, audible: list[Alert], muted: list[int]) -> Incident:
    news = incident.fresh and turn.now >= incident.notify_at
    repeats = (
        incident.acknowledged is None and incident.repeat_at is not None and turn.now >= incident.repeat_at
    )
    if not (news or repeats):
        return incident
    route = turn.routing.of(incident)
    channels = list(dict.fromkeys([*incident.told, *route.channels]))
    for channel in channels:
        if channel == LOG and news:
            logged(turn, incident, audible)
        want(turn, incident, channel, "trigger")
    first = not incident.told
    return replace(
        incident,
        told=channels,
        # What a silence keeps back is still to be told.
        fresh=bool(muted),
        notify_at=min(muted, default=incident.notify_at),
        planned_at=turn.now,
        repeat_at=turn.now + round(route.repeat_interval * MS),
        escalate_at=_after(route.escalate_after, turn.now) if first else incident.escalate_at,
    )


def _escalated(turn: Turn, incident: Incident) -> Incident:
    if incident.acknowledged is not None or incident.escalate_at is None or turn.now < incident.escalate_at:
        return incident
    here = turn.routing.named(incident.stages[-1]) or turn.routing.of(incident)
    there = turn.routing.named(here.escalate_to)
    if there is None:  # no longer configured
        return replace(incident, escalate_at=None)
    for channel in there.channels:
        want(turn, incident, channel, "trigger")
    turn.tell(
        "alert.escalated",
        incident,
        stage=here.name,
        to=there.name,
    )
    return replace(
        incident,
        told=list(dict.fromkeys([*incident.told, *there.channels])),
        stages=[*incident.stages, there.name],
        escalate_at=_after(there.escalate_after, turn.now),
    )


def _refreshed(turn: Turn, incident: Incident) -> Incident:
    periods = {channel: turn.routing.resend(channel) for channel in incident.told}
    wanting = {channel: period for channel, period in periods.items() if period is not None}
    if not wanting:
        return replace(incident, refresh_at=None)
    if incident.refresh_at is not None and turn.now >= incident.refresh_at:
        for channel in wanting:
            want(turn, incident, channel, "refresh")
    elif incident.refresh_at is not None:
        return incident
    return replace(incident, refresh_at=turn.now + min(wanting.values()))


def _resolved(turn: Turn, incident: Incident, *, told: bool) -> Incident:
    for channel in incident.told:
        want(turn, incident, channel, "resolve")
    turn.tell(
        "alert.resolved",
        incident,
        alerts=incident.alerts,
        quiet_since=incident.seen,
        acknowledged=incident.acknowledged is not None,
        silenced=not told,
    )
    return replace(incident, resolved=turn.now)


def _after(seconds: float | None, now: int) -> int | None:
    return None if seconds is None else now + round(seconds * MS)
