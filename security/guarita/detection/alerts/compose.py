"""From an incident to the message about it: bounded, and without anything that depends on when it is sent."""

from __future__ import annotations

from typing import Final

from guarita.detection.alerts.model import Alert, Delivery, Incident, Line, Message

LISTED: Final = 10
"""Alerts that a message tells of one by one; of the others it says how many they are."""


def compose(delivery: Delivery, incident: Incident, audible: list[Alert], *, id_: str) -> Message:
    """What `delivery.channel` is to be told next. `audible` is not empty, the worst and newest first."""
    kind = delivery.wants[0]
    return Message(
        id=id_,
        kind=kind,
        incident=incident.id,
        route=incident.route,
        level=audible[0].level,
        rule=incident.rule,
        title=audible[0].title,
        labels=incident.labels,
        opened=incident.opened,
        first=min(alert.first for alert in audible),
        last=max(alert.last for alert in audible),
        count=sum(alert.count for alert in audible),
        total=len(audible),
        alerts=[line(alert) for alert in audible[:LISTED]],
        flood=incident.flood,
        reply=delivery.accepted > 0,
        by=incident.acknowledged.by if incident.acknowledged else None,
        quiet_since=incident.seen if kind == "resolve" else None,
        failing=delivery.failing,
    )


def line(alert: Alert) -> Line:
    """An alert as it stands in a message."""
    return Line(**{name: getattr(alert, name) for name in Line.__struct_fields__})
