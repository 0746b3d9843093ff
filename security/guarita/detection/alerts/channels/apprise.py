"""Any service that Apprise knows (https://github.com/caronc/apprise), by the extra `alerts-apprise`.

Apprise says whether it was accepted, and nothing more: every failure is one that is tried again. Where its plug-ins
connect to, and whether they follow redirects, is theirs; what guarita.yaml declares is the scheme.
"""

from __future__ import annotations

import threading
from pathlib import Path

import apprise

from guarita.audit.sinks.secret import read_secret
from guarita.config.detection_alerts import AppriseChannel
from guarita.detection.alerts import text
from guarita.detection.alerts.interface import Channel, ChannelRefusedError, ChannelUnavailableError
from guarita.detection.alerts.model import Message


class Apprise(Channel):
    """Sends title and text to one service."""

    def __init__(self, section: AppriseChannel, folder: Path) -> None:
        """Relative files are in `folder`."""
        self._section = section
        self._folder = folder

    def send(self, message: Message, *, now: int) -> str:
        del now
        url = read_secret(self._section.url, self._folder).reveal()
        service = apprise.Apprise(asset=apprise.AppriseAsset(secure_logging=True))
        if url.partition("://")[0].lower() != self._section.scheme or not service.add(url):
            raise ChannelRefusedError(
                "alerts.host", f"the address is none of Apprise's {self._section.scheme}:// addresses"
            )
        kind = apprise.NotifyType.SUCCESS if message.kind == "resolve" else apprise.NotifyType.WARNING
        answers: list[bool] = []

        def notify() -> None:
            answers.append(
                bool(
                    service.notify(
                        title=text.subject(message),
                        body=text.body(message),
                        notify_type=kind,
                        body_format=apprise.NotifyFormat.TEXT,
                    )
                )
            )

        # Its plug-ins bound each read and not the whole. What takes longer goes on unheard, and ends by itself.
        thread = threading.Thread(target=notify, name="alerts-apprise", daemon=True)
        thread.start()
        thread.join(self._section.timeout)
        if thread.is_alive():
            raise ChannelUnavailableError(
                "alerts.timeout", f"{self._section.scheme}: no answer within {self._section.timeout:g} s"
            )
        if answers != [True]:
            raise ChannelUnavailableError("alerts.busy", f"{self._section.scheme}: Apprise says no")
        return "Apprise says yes"
