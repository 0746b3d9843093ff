"""Counting by the `limits` library: in memory, or in Redis by its scripts, each of which is one atomic step."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from math import floor
from pathlib import Path
from typing import cast

from limits.aio.storage import SlidingWindowCounterSupport, Storage
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
    item, key = quota.item, quota.item.key_for(quota.holder)
    storage = cast("SlidingWindowCounterSupport", strategy.storage)
    allowed = await strategy.hit(item, quota.holder)
    window = item.get_expiry()
    previous, previous_left, current, forgotten_in = await storage.get_sliding_window(key, window)
    remaining = max(0, item.amount - floor(previous * previous_left / window) - current)
    reset = max(0.0, forgotten_in - window)
    if not remaining and current < item.amount and previous:
        # The last window's weight falls steadily: room is there when it is less than what this one leaves. (The
        # library's own statistics say 0 at a window's very beginning, and so would have a client come too early.)
        reset = max(0.0, previous_left - window * (item.amount - current) / previous)
    return Count(allowed, remaining, reset)
