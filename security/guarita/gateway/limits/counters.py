"""Counting by the `limits` library: in memory, or in Redis by its scripts, each of which is one atomic step."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from limits.aio.storage import Storage
from limits.aio.storage.redis import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from guarita.config.gateway_limits import RedisSection
from guarita.gateway.limits.interface import Count, Counter, GoneError, Quota
from guarita.gateway.limits.memory import BoundedMemory
from guarita.gateway.shared import Circuit, connection_pool


class LocalCounter(Counter):
    """Counts of this process alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._strategy = SlidingWindowCounterRateLimiter(BoundedMemory(clock))

    async def hit(self, quotas: Sequence[Quota]) -> list[Count]:
        return [await _hit(self._strategy, quota) for quota in quotas]


class SharedCounter(Counter):
    """Counts of all processes, in Redis."""

    def __init__(
        self,
        redis: RedisSection,
        folder: Path,
        *,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`timeout` is in seconds, for all quotas of a request together. Raises as `connection_pool`."""
        self._timeout = timeout
        self._circuit = Circuit(clock)
        self._pool = connection_pool(redis, folder, timeout=timeout)
        storage: Storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix="guarita:limit",
            connection_pool=self._pool,  # type: ignore[arg-type]  # as its documentation has it
        )
        self._strategy = SlidingWindowCounterRateLimiter(storage)

    async def hit(self, quotas: Sequence[Quota]) -> list[Count]:
        import redis  # noqa: PLC0415  # there, since the pool is

        if not self._circuit.may_ask():
            raise GoneError
        try:
            async with asyncio.timeout(self._timeout):
                counts = await asyncio.gather(*(_hit(self._strategy, quota) for quota in quotas))
        except (redis.RedisError, OSError) as error:  # a timeout is an OSError
            self._circuit.failed()
            raise GoneError from error
        self._circuit.worked()
        return counts

    async def aclose(self) -> None:
        await self._pool.disconnect()


async def _hit(strategy: SlidingWindowCounterRateLimiter, quota: Quota) -> Count:
    allowed = await strategy.hit(quota.item, quota.holder)
    stands = await strategy.get_window_stats(quota.item, quota.holder)
    # The library gives the time of day; only the difference is meant.
    return Count(allowed, stands.remaining, max(0.0, stands.reset_time - time.time()))
