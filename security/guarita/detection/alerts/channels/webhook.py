"""JSON to a service of one's own, signed by the Standard Webhooks specification."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from guarita.audit.sinks.secret import read_secret
from guarita.config.detection_alerts import WebhookChannel
from guarita.detection.alerts import signature, text
from guarita.detection.alerts.channels.http import Poster
from guarita.detection.alerts.interface import Channel
from guarita.detection.alerts.model import Message

TYPES: Final = {
    "trigger": "alert.triggered",
    "acknowledge": "alert.acknowledged",
    "resolve": "alert.resolved",
}


class Webhook(Channel):
    """Any status from 200 to 299 is an acceptance, as the specification says; the body is not looked at."""

    def __init__(self, section: WebhookChannel, folder: Path) -> None:
        """Relative files are in `folder`."""
        self._section = section
        self._folder = folder
        self._poster = Poster(section, folder)

    def send(self, message: Message, *, now: int) -> str:
        content = msgspec.json.encode(
            {"type": TYPES[message.kind], "timestamp": text.moment(message.last), "data": message}
        )
        signed = signature.headers(
            [read_secret(source, self._folder).reveal() for source in self._section.secrets],
            id_=message.id,
            timestamp=now // 1000,
            content=content,
        )
        return f"HTTP status {self._poster.post(self._section.url, content, signed).status}"
