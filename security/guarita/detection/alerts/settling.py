"""What became of a message: accepted, to be tried again, failed. The ledger hears of it."""

from __future__ import annotations

import random
from typing import Any, Final

from msgspec.structs import replace

from guarita.config.detection_alerts import LOG
from guarita.detection.alerts import records
from guarita.detection.alerts.interface import ChannelError, ChannelRefusedError, ChannelUnavailableError
from guarita.detection.alerts.model import Alert, Delivery, Incident
from guarita.detection.alerts.outbox import Claim, want
from guarita.detection.alerts.routing import MS, due
from guarita.detection.alerts.silences import parted
from guarita.detection.alerts.turn import Turn

FIRST: Final = 1_000
LONGEST: Final = 300_000
"""ms of the longest wait after the first failure, and after many."""
PIECE: Final = 500
"""Keys of alerts in one event."""


def accepted(turn: Turn, claimed: Claim) -> None:
    """The channel took it: forget it, and say so in the ledger."""
    current = _current(turn, claimed)
    if current is None:
        return
    delivery, incident = current
    if delivery.wants[0] != "refresh":
        wanted = set(delivery.covers)
        covered = [one for one in turn.state.alerts(incident.id) if one.key in wanted]
        _say_sent(turn, incident, delivery, covered)
    turn.state.save_delivery(_popped(delivery, turn.now, took=True), incident.level)


def failed(turn: Turn, claimed: Claim, error: ChannelError, rng: random.Random) -> None:
    """The channel did not take it: try again later, at last give up. A refusal is told at once."""
    current = _current(turn, claimed)
    if current is None:
        return
    delivery, incident = current
    if delivery.wants[0] == "refresh":
        # The next one is on its way.
        turn.state.save_delivery(
            replace(_popped(delivery, turn.now, took=False), error=error.code), incident.level
        )
        return
    waited = turn.now - delivery.since
    delivery = replace(
        delivery, lease=None, due=turn.now + _wait(delivery.attempts, error, rng), error=error.code
    )
    if not delivery.told and isinstance(error, ChannelRefusedError):
        delivery = _told(turn, incident, delivery)
    if waited >= turn.routing.section.give_up_after * MS:
        _say_failed(turn, "alert.abandoned", incident, delivery, error.code)
        delivery = _popped(delivery, turn.now, took=False)
    turn.state.save_delivery(delivery, incident.level)


def overdue(turn: Turn) -> None:
    """Tell the fallback and the ledger of what a channel that fails has not taken in time, tried or still in its queue."""
    waiting = turn.state.waiting(turn.now - round(turn.routing.section.failed_after * MS))
    if not waiting:
        return
    failing = {one.channel: one.error for one in turn.state.deliveries() if one.error is not None}
    silences = turn.state.silences(turn.now)
    for delivery in waiting:
        incident = turn.state.incident(delivery.incident)
        error = delivery.error or failing.get(delivery.channel)
        if error is None or incident is None or delivery.wants[0] == "refresh":
            continue
        if parted(silences, turn.state.alerts(incident.id), turn.now)[0]:
            told = _told(turn, incident, replace(delivery, error=error))
            turn.state.save_delivery(told, incident.level)


def _told(turn: Turn, incident: Incident, delivery: Delivery) -> Delivery:
    _say_failed(turn, "alert.failed", incident, delivery, delivery.error or "")
    _to_fallback(turn, incident, delivery)
    return replace(delivery, told=True)


def logged(turn: Turn, incident: Incident, audible: list[Alert]) -> None:
    """What the channel `log` does: the ledger says that it was told to nobody, and counts."""
    news = [alert for alert in audible if alert.notified is None]
    if news:
        _say_sent(turn, incident, Delivery(incident=incident.id, channel=LOG), news)


def orphaned(turn: Turn) -> None:
    """What is queued for channels that are configured no longer goes to the fallback, and stands as failed."""
    for delivery in turn.state.deliveries():
        if delivery.channel in turn.routing.channels:
            continue
        incident = turn.state.incident(delivery.incident)
        if incident is not None:
            _say_failed(turn, "alert.abandoned", incident, delivery, "alerts.no-channel")
            _to_fallback(turn, incident, delivery)
        turn.state.save_delivery(replace(delivery, wants=[], lease=None), "info")


def _current(turn: Turn, claimed: Claim) -> tuple[Delivery, Incident] | None:
    """The delivery as it is now, unless somebody else took it up because this courier took too long."""
    delivery = turn.state.delivery(claimed.delivery.incident, claimed.delivery.channel)
    incident = turn.state.incident(claimed.delivery.incident)
    if delivery is None or incident is None or delivery.lease != claimed.delivery.lease:
        return None
    return delivery, incident


def _popped(delivery: Delivery, now: int, *, took: bool) -> Delivery:
    return replace(
        delivery,
        wants=delivery.wants[1:],
        since=now,
        due=now,
        number=delivery.number + 1,
        accepted=delivery.accepted + took,
        reached=max(delivery.reached, delivery.top) if took else delivery.reached,
        attempts=0,
        lease=None,
        message=None,
        covers=[],
        told=False,
        failing=None,
        error=None,
    )


def _wait(attempts: int, error: ChannelError, rng: random.Random) -> int:
    """Ms until the next attempt: exponential with jitter, at least what the peer asked for."""
    longest = min(LONGEST, FIRST * 2 ** min(attempts - 1, 20))
    asked = error.retry_after if isinstance(error, ChannelUnavailableError) else None
    if isinstance(error, ChannelRefusedError):
        longest = LONGEST  # it takes a person, and does no harm to look again
    return max(rng.randrange(longest // 2, longest), min(round((asked or 0) * MS), 12 * LONGEST))


def _say_sent(turn: Turn, incident: Incident, delivery: Delivery, covered: list[Alert]) -> None:
    """Note who heard when. What a silence held back has no latency: nobody was to hear of it sooner."""
    first = [alert for alert in covered if alert.notified is None]
    for alert in first:
        turn.state.save_alert(replace(alert, notified=turn.now))
    timed = [alert for alert in covered if not alert.held]
    turn.tell(
        "alert.sent",
        incident,
        channel=delivery.channel,
        attempts=delivery.attempts or None,
        kind=delivery.message.kind if delivery.message else "trigger",
        alerts=len(covered),
        first=len(first),
        held=(len(covered) - len(timed)) or None,
        keys=[alert.key for alert in covered[:PIECE]],
        **_timing(turn, timed),
    )


def _timing(turn: Turn, alerts: list[Alert]) -> dict[str, Any]:
    """The slowest of these alerts: ms from its event until now, the limit of its level, and whether that was kept."""
    limits = [(turn.now - alert.time, turn.routing.deadline(alert.level)) for alert in alerts]
    judged = [(latency, limit) for latency, limit in limits if limit is not None]
    if not limits:
        return {}
    latency, deadline = max(judged or limits, key=lambda one: one[0] - (one[1] or 0))
    return {
        "event_time": min(alert.time for alert in alerts),
        "latency_ms": latency,
        "deadline_ms": deadline,
        "kept": None if deadline is None else latency <= deadline,
    }


def _say_failed(
    turn: Turn, operation: records.Operation, incident: Incident, delivery: Delivery, code: str
) -> None:
    """Name each alert that this channel did not take, in as many events as it needs."""
    wanted = set(delivery.covers)
    alerts = [one for one in turn.state.alerts(incident.id) if one.key in wanted or not wanted]
    for start in range(0, max(1, len(alerts)), PIECE):
        piece = alerts[start : start + PIECE]
        timing = _timing(turn, [one for one in piece if not one.held])
        if timing.get("kept"):
            del timing["kept"]  # that remains to be seen
        turn.tell(
            operation,
            incident,
            level="high" if incident.level == "critical" else "medium",
            reason=code,
            channel=delivery.channel,
            attempts=delivery.attempts or None,
            kind=delivery.wants[0],
            alerts=len(piece),
            keys=[alert.key for alert in piece],
            failing_since=delivery.since,
            **timing,
        )


def _to_fallback(turn: Turn, incident: Incident, delivery: Delivery) -> None:
    fallback = turn.routing.section.fallback
    if fallback is None or fallback == delivery.channel or "trigger" not in delivery.wants:
        return
    want(turn, incident, fallback, "trigger", failing=delivery.channel)
    if fallback not in incident.told:
        told = replace(incident, told=[*incident.told, fallback])
        turn.state.save(told, due(told, turn.routing))
