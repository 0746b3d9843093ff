"""From the sections of guarita.yaml to channels. Each kind is imported when it is wanted: most need an extra."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from guarita.config.detection_alerts import (
    AlertmanagerChannel,
    AlertsSection,
    AppriseChannel,
    ChannelSection,
    PagerDutyChannel,
    SlackChannel,
    SmtpChannel,
    WebhookChannel,
)
from guarita.detection.alerts.interface import Channel
from guarita.errors import MissingExtraError

EXTRA: Final = "alerts"
APPRISE_EXTRA: Final = "alerts-apprise"
BUILDERS: Final[dict[type, tuple[str, str]]] = {
    AlertmanagerChannel: ("alertmanager", "Alertmanager"),
    PagerDutyChannel: ("pagerduty", "PagerDuty"),
    SmtpChannel: ("smtp", "Smtp"),
    SlackChannel: ("slack", "Slack"),
    WebhookChannel: ("webhook", "Webhook"),
    AppriseChannel: ("apprise", "Apprise"),
}
"""The module and the class of each kind."""


def build(section: ChannelSection, folder: Path) -> Channel:
    """The channel that a section describes; relative paths are in `folder`. Raises MissingExtraError."""
    module, name = BUILDERS[type(section)]
    try:
        made: Callable[[Any, Path], Channel] = getattr(
            import_module(f"guarita.detection.alerts.channels.{module}"), name
        )
    except ModuleNotFoundError as error:
        if (error.name or "guarita").startswith("guarita"):
            raise
        raise MissingExtraError(
            APPRISE_EXTRA if isinstance(section, AppriseChannel) else EXTRA, error.name or ""
        ) from error
    return made(section, folder)


def build_all(section: AlertsSection, folder: Path) -> dict[str, Channel]:
    """Every channel by its name. Raises MissingExtraError."""
    return {name: build(channel, folder) for name, channel in section.channels.items()}
