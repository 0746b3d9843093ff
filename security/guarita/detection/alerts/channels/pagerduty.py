"""PagerDuty's Events API v2 (https://developer.pagerduty.com/docs/events-api-v2/overview/)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final

import msgspec

from guarita.audit.sinks.secret import read_secret
from guarita.config.detection_alerts import PagerDutyChannel
from guarita.detection.alerts import text
from guarita.detection.alerts.channels.http import Poster, lied
from guarita.detection.alerts.interface import Channel
from guarita.detection.alerts.model import Message

_SEVERITY: Final = {
    "info": "info",
    "low": "info",
    "medium": "warning",
    "high": "error",
    "critical": "critical",
}


class _Said(msgspec.Struct):
    status: str = ""


class PagerDuty(Channel):
    """Triggers, acknowledges and resolves an alert there, whose `dedup_key` is our incident."""

    keeps: ClassVar[bool] = True

    def __init__(self, section: PagerDutyChannel, folder: Path) -> None:
        """Relative files are in `folder`."""
        self._section = section
        self._folder = folder
        self._poster = Poster(section, folder)

    def send(self, message: Message, *, now: int) -> str:
        del now
        event: dict[str, Any] = {
            "routing_key": read_secret(self._section.routing_key, self._folder).reveal(),
            "event_action": message.kind,
            "dedup_key": f"guarita-{message.incident}",
        }
        if message.kind == "trigger":
            event |= {"client": "Guarita", "payload": self._payload(message)}
        answer = self._poster.post(self._section.url, msgspec.json.encode(event))
        try:
            said = msgspec.json.decode(answer.body, type=_Said).status
        except msgspec.DecodeError:
            said = ""
        if said != "success":
            raise lied("PagerDuty", answer.status)
        return f"HTTP status {answer.status}, success"

    def _payload(self, message: Message) -> dict[str, Any]:
        return {
            "summary": text.subject(message),
            "timestamp": text.moment(message.last),
            "severity": _SEVERITY[message.level],
            "source": self._section.source,
            "component": text.plain(message.rule),
            "group": message.route,
            "class": "detection",
            "custom_details": {"text": text.body(message)},
        }
