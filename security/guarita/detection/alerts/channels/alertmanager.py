"""Prometheus' Alertmanager: `POST /api/v2/alerts` (https://prometheus.io/docs/alerting/latest/alerts_api/).

An alert there is its labels. It is over when `endsAt` has passed, so what lasts is sent again with a later one, and an
alert of ours is one there with the same labels from its beginning to its end.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar, Final

import msgspec

from guarita.audit.sinks.secret import read_secret
from guarita.config.detection_alerts import AlertmanagerChannel
from guarita.detection.alerts import text
from guarita.detection.alerts.channels.http import Poster, lied
from guarita.detection.alerts.interface import Channel
from guarita.detection.alerts.model import Kind, Message

_MISSED: Final = 4
"""So many sendings must fail until an alert that lasts is over there."""
_OTHER: Final = re.compile(r"[^a-zA-Z0-9_]")


class Alertmanager(Channel):
    """Keeps an alert alive while it lasts, and ends it."""

    kinds: ClassVar[frozenset[Kind]] = frozenset({"trigger", "refresh", "resolve"})
    keeps: ClassVar[bool] = True

    def __init__(self, section: AlertmanagerChannel, folder: Path) -> None:
        """Relative files are in `folder`."""
        self._section = section
        self._folder = folder
        self._poster = Poster(section, folder)
        self._url = f"{section.url.rstrip('/')}/api/v2/alerts"

    def send(self, message: Message, *, now: int) -> str:
        over = message.kind == "resolve"
        ends = now if over else now + round(_MISSED * self._section.resend * 1000)
        alert = {
            "labels": self._labels(message),
            "annotations": {
                "summary": text.subject(message),
                "description": text.body(message),
                "alerts": str(message.total),
                "detections": str(message.count),
            },
            # It must lie before the end, whatever became of the clock.
            "startsAt": text.moment(min(message.opened, ends - 1)),
            "endsAt": text.moment(ends),
        }
        source = self._section.authorization
        headers = {} if source is None else {"authorization": read_secret(source, self._folder).reveal()}
        answer = self._poster.post(self._url, msgspec.json.encode([alert]), headers)
        # API v2 says nothing more; a portal that answers 200 to everything does.
        if answer.body.strip():
            raise lied("Alertmanager", answer.status)
        return f"HTTP status {answer.status}"

    def _labels(self, message: Message) -> dict[str, str]:
        """Names are ours: whatever a value says, it stands under `group_…` and shadows no label."""
        group = {
            f"group_{_OTHER.sub('_', name.removeprefix('group.'))}": text.plain(value)
            for name, value in message.labels.items()
            if name.startswith("group.")
        }
        ours = {
            "alertname": text.plain(message.rule),
            "severity": message.level,
            "incident": message.incident,
            "route": message.route,
            "source": "guarita",
        }
        return {**group, **self._section.labels, **ours}
