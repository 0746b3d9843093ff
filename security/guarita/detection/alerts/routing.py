"""Where an alert goes, and with which others it is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from guarita.config.detection_alerts import (
    AlertmanagerChannel,
    AlertsSection,
    RouteSection,
)
from guarita.detection.alerts.interface import Channel
from guarita.detection.alerts.model import Finding, Incident, Kind, digest

MS: Final = 1000
_GROUP: Final = "group."


class Routing:
    """What guarita.yaml says of routes and channels, ready to be asked."""

    def __init__(self, section: AlertsSection, channels: Mapping[str, Channel]) -> None:
        """`channels` are those that the section names, by name."""
        self.section = section
        self.channels = channels
        self._routes = {route.name: route for route in section.routes}

    def route(self, level: str, rule: str, tags: list[str]) -> RouteSection:
        """The first route that fits. There is one: the configuration is refused otherwise."""
        return next(route for route in self.section.routes if route.fits(level, rule, tags))

    def of(self, incident: Incident) -> RouteSection:
        """The route of an incident; where it is no longer configured, the one that fits now."""
        return self._routes.get(incident.route) or self.route(incident.level, incident.rule, [])

    def named(self, name: str | None) -> RouteSection | None:
        """A route by its name."""
        return self._routes.get(name) if name else None

    def deadline(self, level: str) -> int | None:
        """Within how many ms of its event an alert must have been accepted."""
        seconds: float | None = getattr(self.section.deadlines, level)
        return None if seconds is None else round(seconds * MS)

    def takes(self, channel: str, kind: Kind, level: str) -> bool:
        """Whether a channel is to be told this of an alert of this level."""
        found = self.channels.get(channel)
        if found is None or kind not in found.kinds:
            return False
        return kind != "resolve" or level == "critical" or self.section.channels[channel].resolved

    def resend(self, channel: str) -> int | None:
        """Every how many ms a channel must hear of what lasts."""
        section = self.section.channels.get(channel)
        return round(section.resend * MS) if isinstance(section, AlertmanagerChannel) else None


def labels(route: RouteSection, finding: Finding) -> dict[str, str]:
    """What the alerts of an incident have in common, by the route's `group_by`."""
    found: dict[str, str] = {}
    for name in route.group_by:
        match name:
            case "rule":
                found["rule"] = finding.rule
            case "level":
                found["level"] = finding.level
            case "group":
                found.update({f"{_GROUP}{field}": value for field, value in finding.group.items()})
            case _:
                found[name] = finding.group.get(name.removeprefix(_GROUP), "")
    return found


def slot(route: RouteSection, common: Mapping[str, str]) -> str:
    """The name of what shares an incident."""
    return digest("slot", route.name, *(f"{name}={value}" for name, value in sorted(common.items())))


def source(route: RouteSection, rule: str) -> str:
    """The name of what may flood."""
    return digest("source", route.name, rule)


def due(incident: Incident, routing: Routing) -> int:
    """When (ms) to look at an incident again. One that is over is dated by its end."""
    if incident.resolved is not None:
        return incident.resolved
    times = [incident.seen + round(routing.of(incident).resolve_after * MS)]
    if incident.fresh:
        times.append(incident.notify_at)
    if incident.told and incident.acknowledged is None:
        times += [time for time in (incident.repeat_at, incident.escalate_at) if time is not None]
    if incident.refresh_at is not None:
        times.append(incident.refresh_at)
    return min(times)
