"""From findings to alerts: each finds its incident, or begins one."""

from __future__ import annotations

from msgspec.structs import replace

from guarita.config.detection_alerts import RouteSection
from guarita.detection.alerts import routing as r
from guarita.detection.alerts.model import EVIDENCE, Alert, Finding, Incident, digest, rank
from guarita.detection.alerts.turn import Turn


def fold(turn: Turn, finding: Finding) -> None:
    """Take a finding in. Everything about it is decided within the turn."""
    route = turn.routing.route(finding.level, finding.rule, finding.tags)
    incident = _incident(turn, finding, route)
    known = turn.state.alert(incident.id, finding.key)
    if known is None:
        incident = replace(incident, alerts=incident.alerts + 1)
        turn.state.save_alert(_new(finding, incident))
    else:
        turn.state.save_alert(_grown(known, finding))
    worse = rank(finding.level) > rank(known.level if known else incident.level)
    if known is None or worse:
        wait = _wait(incident, route, turn.routing.deadline(finding.level), turn.now)
        at = min(incident.notify_at, turn.now + wait) if incident.fresh else turn.now + wait
        if incident.acknowledged is not None:
            incident = _handed_back(turn, incident, at)
        incident = replace(
            incident, level=max(incident.level, finding.level, key=rank), fresh=True, notify_at=at
        )
    incident = replace(incident, seen=max(turn.now, incident.seen))
    turn.state.save(incident, r.due(incident, turn.routing))


def _incident(turn: Turn, finding: Finding, route: RouteSection) -> Incident:
    common = r.labels(route, finding)
    slot, source = r.slot(route, common), r.source(route, finding.rule)
    there = turn.state.open_in(slot)
    if there is not None:
        return there
    flood = turn.state.open_from(source) >= turn.routing.section.flood
    if flood:
        common = {"rule": finding.rule}
        slot = digest("flood", source)
        there = turn.state.open_in(slot)
        if there is not None:
            return there
    return Incident(
        id=digest("incident", slot, finding.uid, str(turn.now)),
        route=route.name,
        slot=slot,
        source=source,
        rule=finding.rule,
        level=finding.level,
        title=finding.title,
        labels=common,
        flood=flood,
        opened=turn.now,
        seen=turn.now,
        notify_at=turn.now + round(route.group_wait * r.MS),
        stages=[route.name],
    )


def _handed_back(turn: Turn, incident: Incident, notify_at: int) -> Incident:
    """Whoever took it on has not seen what is new: the times to repeat and to escalate begin again."""
    stage = turn.routing.named(incident.stages[-1])
    patience = stage.escalate_after if stage else None
    return replace(
        incident,
        acknowledged=None,
        repeat_at=None,
        escalate_at=None if patience is None else notify_at + round(patience * r.MS),
    )


def _wait(incident: Incident, route: RouteSection, deadline: int | None, now: int) -> int:
    """How long (ms) news of an incident waits for more: less than the deadline, whatever the interval."""
    wait = round(route.group_wait * r.MS)
    if incident.planned_at is None:
        return wait
    again = incident.planned_at + round(route.group_interval * r.MS) - now
    wait = max(wait, again)
    return wait if deadline is None else min(wait, deadline // 2)


def _new(finding: Finding, incident: Incident) -> Alert:
    return Alert(
        incident=incident.id,
        key=finding.key,
        serial=incident.alerts,
        rule=finding.rule,
        level=finding.level,
        title=finding.title,
        group=finding.group,
        tags=finding.tags,
        time=finding.time,
        first=finding.first,
        last=finding.last,
        count=finding.count,
        evidence=finding.evidence[-EVIDENCE:],
        findings={finding.uid: finding.count},
    )


def _grown(alert: Alert, finding: Finding) -> Alert:
    counted = alert.findings.get(finding.uid, 0)  # of an update only what is new counts
    grown = max(finding.count, counted)
    newest = [*({**alert.findings, finding.uid: grown}).items()][-EVIDENCE:]
    return replace(
        alert,
        level=max(alert.level, finding.level, key=rank),
        first=min(alert.first, finding.first),
        last=max(alert.last, finding.last),
        count=alert.count - counted + grown,
        evidence=list(dict.fromkeys([*alert.evidence, *finding.evidence]))[-EVIDENCE:],
        findings=dict(newest),
    )
