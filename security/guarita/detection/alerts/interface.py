"""The seam between the courier and those who hear of alerts: what a channel takes, promises and may raise."""

from __future__ import annotations

import abc
from typing import ClassVar

from guarita.detection.alerts.errors import AlertsError
from guarita.detection.alerts.model import Kind, Message
from guarita.errors import ExitStatus


class ChannelError(AlertsError):
    """A message was not accepted. Its texts carry neither secrets nor anything of the message."""


class ChannelUnavailableError(ChannelError):
    """The peer is down, hangs, has too much to do, or says something that is no answer; it is tried again."""

    def __init__(
        self, code: str, message: str, *, hint: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(code, message, hint=hint)
        self.retry_after = retry_after
        """Seconds that the peer asked us to wait, where it did."""


class ChannelRefusedError(ChannelError):
    """The peer says no, and will until somebody changes something: a credential, an address (status 1)."""

    exit_status = ExitStatus.REFUSED


class Channel(abc.ABC):
    """One way to reach people. Used from one thread at a time."""

    kinds: ClassVar[frozenset[Kind]] = frozenset({"trigger", "acknowledge", "resolve"})
    """What it can say. Other kinds never reach it."""
    keeps: ClassVar[bool] = False
    """Whether an alert stands there until it is resolved."""

    @abc.abstractmethod
    def send(self, message: Message, *, now: int) -> str:
        """Deliver a message; returns after the peer has accepted it, with what it answered, in a few words.

        `now` is the courier's time, in ms since the epoch. The call ends within the channel's declared timeout.
        The same message sent twice leaves one there, or two that a reader knows to be one. Raises
        ChannelUnavailableError, ChannelRefusedError, or UsageError for a secret that is not there.
        """
