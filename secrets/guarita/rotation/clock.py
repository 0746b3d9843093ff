"""Time by two clocks, this host's and Vault's: neither alone may skip a due secret, or end one early."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import msgspec

SLACK: Final = 5.0
"""Seconds that a clock may seem to have gone back without having: Vault tells whole seconds."""


class Moment(msgspec.Struct, frozen=True):
    """One moment by both clocks, in seconds since the epoch."""

    local: float
    server: float

    @property
    def apart(self) -> float:
        """By how many seconds the clocks disagree."""
        return abs(self.local - self.server)


class Clock:
    """Reads both clocks."""

    def __init__(self, server: Callable[[], float], local: Callable[[], float] = time.time) -> None:
        """`server` is `Vault.now`."""
        self._server = server
        self._local = local

    def now(self) -> Moment:
        """This moment. Raises TransientError when Vault cannot be asked."""
        server = self._server()
        return Moment(local=self._local(), server=server)


def waited(since: Moment, now: Moment) -> float | None:
    """Seconds that have passed for certain: by the clock that says less.

    None when one has gone back since, so that nothing is certain: whoever waits begins anew, at `now`.
    """
    passed = min(now.local - since.local, now.server - since.server)
    return None if passed < -SLACK else max(0.0, passed)


def age(created: float, now: Moment) -> float:
    """Seconds since something was made, by the clock that says more: one that was set back makes nothing young.

    `created` is by the server's clock. What seems to be made in the future by both has no age that can be known, and
    counts as infinitely old.
    """
    old = max(now.local, now.server) - created
    return float("inf") if old < -SLACK else max(0.0, old)
