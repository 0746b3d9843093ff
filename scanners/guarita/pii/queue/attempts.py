"""How often a document was begun and not ended: one that kills whoever reads it must not go round for ever."""

from __future__ import annotations

from typing import Final, Protocol

import redis

from guarita.errors import GuaritaError

_PREFIX: Final = "guarita:pii:attempts:"
_KEPT: Final = 14 * 86_400
"""Seconds that a count outlives its last attempt."""


class Attempts(Protocol):
    """Counts attempts by job."""

    def begun(self, job: str) -> int:
        """Count one more; gives how many there are now. Raises GuaritaError where that cannot be known."""

    def ended(self, job: str) -> None:
        """Forget the job."""


class RedisAttempts:
    """Counts in Redis, where every worker sees them."""

    def __init__(self, url: str, *, timeout: float = 10.0) -> None:
        """`timeout` is in seconds, for one answer."""
        self._redis = redis.Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout)

    def begun(self, job: str) -> int:
        try:
            with self._redis.pipeline() as pipeline:
                pipeline.incr(_PREFIX + job)
                pipeline.expire(_PREFIX + job, _KEPT)
                return int(pipeline.execute()[0])
        except redis.RedisError as error:
            raise _unreachable(error) from None

    def ended(self, job: str) -> None:
        try:
            self._redis.delete(_PREFIX + job)
        except redis.RedisError as error:
            raise _unreachable(error) from None


def _unreachable(error: Exception) -> GuaritaError:
    return GuaritaError(
        "pii.attempts-unreachable", f"the counts of attempts cannot be reached ({type(error).__name__})"
    )
