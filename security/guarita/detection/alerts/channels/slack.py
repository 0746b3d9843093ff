"""Incoming webhooks of Slack, and of what speaks like it (https://docs.slack.dev/messaging/formatting-message-text).

What others wrote stands as plain text within blocks, and in a code block in the text that is shown where blocks are not
(Mattermost, notifications): there it is neither markup nor link. `&`, `<` and `>` are escaped as Slack asks, so nothing can
begin a mention (`<!channel>`, `<@U1>`), and `@` is followed by a word joiner for servers that take `@here` at its word.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from guarita.audit.sinks.secret import read_secret
from guarita.config.detection_alerts import SlackChannel, check_webhook_url
from guarita.detection.alerts import text
from guarita.detection.alerts.channels.http import Poster, lied
from guarita.detection.alerts.interface import Channel, ChannelRefusedError
from guarita.detection.alerts.model import Message

_HEADER: Final = 150
_SECTION: Final = 2900
"""Characters of a header and of a section; Slack takes 150 and 3,000."""
_SIGN: Final = {"critical": "🔴", "high": "🟠", "medium": "🟡", "low": "🔵", "info": "⚪"}  # as meant
_JOINER: Final = "\N{WORD JOINER}"


class _Said(msgspec.Struct):
    ok: bool = False
    success: bool = False


class Slack(Channel):
    """Says it to a channel there."""

    def __init__(self, section: SlackChannel, folder: Path) -> None:
        """Relative files are in `folder`."""
        self._section = section
        self._folder = folder
        self._poster = Poster(section, folder)

    def send(self, message: Message, *, now: int) -> str:
        del now
        url = read_secret(self._section.url, self._folder).reveal()
        try:
            check_webhook_url(url, self._section.host, plaintext=self._section.plaintext)
        except ValueError as error:
            raise ChannelRefusedError("alerts.host", f"the address of the webhook: {error}") from None
        answer = self._poster.post(url, msgspec.json.encode(payload(message)))
        if not _accepts(answer.body):
            raise lied(self._section.host, answer.status)
        return f"HTTP status {answer.status}, ok"


def payload(message: Message) -> dict[str, Any]:
    """What is posted."""
    sign = "✅" if message.kind == "resolve" else _SIGN[message.level]
    head = f"{sign} {escaped(text.subject(message), _HEADER - 2)}"
    body = escaped(text.body(message), _SECTION)
    return {
        "text": f"{sign} incident {message.incident}\n```\n{body.replace('`', chr(39))}\n```",
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": head, "emoji": True}},
            {"type": "section", "text": {"type": "plain_text", "text": body, "emoji": False}},
        ],
        "unfurl_links": False,
        "unfurl_media": False,
        "link_names": 0,
    }


def escaped(value: str, limit: int) -> str:
    """Text that Slack shows as it is, at most so long, and never cut within an entity."""
    shown: list[str] = []
    size = 0
    for one in value:
        piece = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": f"@{_JOINER}"}.get(one, one)
        size += len(piece)
        if size > limit - 1:
            return "".join([*shown, "…"])
        shown.append(piece)
    return "".join(shown)


def _accepts(body: bytes) -> bool:
    if body.strip() == b"ok":
        return True
    try:
        said = msgspec.json.decode(body, type=_Said)
    except msgspec.DecodeError:
        return False
    return said.ok or said.success
