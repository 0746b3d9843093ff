"""What each channel has still to be told: queued, and claimed by one courier. It is durable before it is sent."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from guarita.detection.alerts.compose import compose
from guarita.detection.alerts.model import Alert, Delivery, Incident, Kind, Message, digest
from guarita.detection.alerts.routing import MS
from guarita.detection.alerts.silences import parted
from guarita.detection.alerts.turn import Turn

GRACE: Final = 30_000
"""ms that a claim holds beyond the channel's timeout."""
_LOOK: Final = 60_000


class Claim(msgspec.Struct, frozen=True):
    """A message that this courier, and for a while no other, is to send."""

    delivery: Delivery
    message: Message


def want(turn: Turn, incident: Incident, channel: str, kind: Kind, *, failing: str | None = None) -> None:
    """Queue that a channel be told this of an incident, if it is one that is told such things."""
    if not turn.routing.takes(channel, kind, incident.level):
        return
    there = turn.state.delivery(incident.id, channel) or Delivery(incident=incident.id, channel=channel)
    wants = queued(there, kind)
    if wants == there.wants:
        return
    begins = not there.wants
    turn.state.save_delivery(
        replace(
            there,
            wants=wants,
            since=turn.now if begins else there.since,
            due=turn.now if begins else there.due,
            failing=failing or there.failing,
        ),
        incident.level,
    )


def queued(delivery: Delivery, kind: Kind) -> list[Kind]:
    """The queue with one more: what says the same stands in it once, whatever is under way stays first."""
    head = delivery.wants[:1] if delivery.lease is not None else []
    rest = delivery.wants[len(head) :]
    if kind == "refresh":
        return [*head, *(rest or ([] if head else ["refresh"]))]
    waiting = [one for one in dict.fromkeys([*rest, kind]) if one != "refresh"]
    if kind == "resolve":
        waiting = [one for one in waiting if one != "acknowledge"]
    return [*head, *waiting]


def claim(turn: Turn, channel: str, lease: str) -> Claim | None:
    """What a channel is to be told now, marked as under way; None when there is nothing.

    What is silenced is put off, until the silence ends.
    """
    silences = turn.state.silences(turn.now)
    timeout = round(turn.routing.section.channels[channel].timeout * MS)
    while (delivery := turn.state.next_delivery(channel, turn.now)) is not None:
        incident = turn.state.incident(delivery.incident)
        if incident is None:  # forgotten
            turn.state.save_delivery(replace(delivery, wants=[]), "info")
            continue
        if delivery.wants[0] == "acknowledge" and incident.acknowledged is None:
            # More came to it since, and nobody has taken that on.
            turn.state.save_delivery(replace(delivery, wants=delivery.wants[1:]), incident.level)
            continue
        audible, muted = parted(silences, turn.state.alerts(incident.id), turn.now)
        if not audible:
            due = min((end for _, end in muted), default=turn.now + _LOOK)
            # From then on it counts how long it waits.
            turn.state.save_delivery(replace(delivery, due=due, since=due), incident.level)
            continue
        made = _claimed(delivery, incident, audible, due=turn.now + timeout + GRACE, lease=lease)
        turn.state.save_delivery(made.delivery, incident.level)
        return made
    return None


def _claimed(delivery: Delivery, incident: Incident, audible: list[Alert], *, due: int, lease: str) -> Claim:
    before = delivery.message
    number = delivery.number
    message = compose(delivery, incident, audible, id_=before.id if before else _name(delivery, number))
    if before is not None and message != before:
        number += 1
        message = replace(message, id=_name(delivery, number))
    return Claim(
        replace(
            delivery,
            due=due,
            lease=lease,
            number=number,
            attempts=delivery.attempts + 1,
            message=message,
            covers=[one.key for one in audible if one.notified is None or one.serial > delivery.reached],
            top=max(one.serial for one in audible),
        ),
        message,
    )


def _name(delivery: Delivery, number: int) -> str:
    return digest("message", delivery.incident, delivery.channel, str(number))
