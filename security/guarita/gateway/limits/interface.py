"""The seam of what counts requests: here, or in Redis for all processes."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limits import RateLimitItem


class GoneError(Exception):
    """What counts did not answer in time. Never leaves this package."""


@dataclass(frozen=True, slots=True)
class Quota:
    """One limit for one holder."""

    item: RateLimitItem
    holder: str


@dataclass(frozen=True, slots=True)
class Count:
    """How a quota stands after a request."""

    allowed: bool
    remaining: int
    reset: float
    """Seconds until more is there."""


class Counter(abc.ABC):
    """Counts by sliding windows: the last window's count weighs by as much of it as is still within the window."""

    @abc.abstractmethod
    async def hit(self, quotas: Sequence[Quota]) -> list[Count]:
        """Count one request in each quota, as far as it has room. Raises GoneError."""

    async def aclose(self) -> None:  # noqa: B027  # some hold nothing to let go of
        """Let go of connections."""
