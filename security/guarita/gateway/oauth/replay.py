"""Proofs that were used: each one counts once (RFC 9449 section 11.1)."""

from __future__ import annotations

import abc
import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from guarita.config.gateway_limits import RedisSection
from guarita.gateway.refusal import UndecidedError
from guarita.gateway.shared import Circuit, connection_pool

_PREFIX: Final = b"guarita:dpop:"


class ReplayStore(abc.ABC):
    """Remembers what was used, for as long as it could be used again."""

    @abc.abstractmethod
    async def first_use(self, key: bytes, seconds: float) -> bool:
        """Whether this key was not used before; it is from now on, for so many seconds.

        Raises UndecidedError `dpop.replay-unavailable` where that cannot be known.
        """

    async def aclose(self) -> None:  # noqa: B027  # memory holds nothing to let go of
        """Let go of connections."""


class MemoryReplayStore(ReplayStore):
    """In this process, bounded. Where it is full of proofs that still count, nobody is let through unchecked.

    Several processes need one that they share: otherwise a proof counts once in each.
    """

    def __init__(self, *, size: int = 100_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._clock = clock
        self._used: dict[bytes, float] = {}
        self._lock = threading.Lock()

    async def first_use(self, key: bytes, seconds: float) -> bool:
        """As the interface says."""
        with self._lock:
            now = self._clock()
            until = self._used.get(key)
            if until is not None and now < until:
                return False
            if len(self._used) >= self._size:
                self._used = {held: ends for held, ends in self._used.items() if now < ends}
            if len(self._used) >= self._size:
                raise UndecidedError(
                    "dpop.replay-unavailable", "too many proofs are remembered to take another"
                )
            self._used[key] = now + seconds
            return True

    def __len__(self) -> int:
        return len(self._used)


class RedisReplayStore(ReplayStore):
    """In a Redis that several processes share. Its loss is an outage, and lets nobody through."""

    def __init__(self, section: RedisSection, folder: Path, *, timeout: float = 0.5) -> None:
        """`timeout` is in seconds, for each step. Raises as `connection_pool`."""
        self._timeout = timeout
        self._circuit = Circuit()
        pool = connection_pool(section, folder, timeout=timeout)  # says which extra is missing
        from redis import RedisError  # noqa: PLC0415
        from redis.asyncio import Redis  # noqa: PLC0415

        self._failures = (RedisError, OSError)  # a timeout is an OSError
        self._client = Redis(connection_pool=pool)

    async def first_use(self, key: bytes, seconds: float) -> bool:
        """As the interface says."""
        if not self._circuit.may_ask():
            raise _gone()
        try:
            async with asyncio.timeout(self._timeout):
                name = _PREFIX + key.hex().encode()
                answer = await self._client.set(name, b"1", px=int(seconds * 1000) + 1, nx=True)
        except self._failures as error:
            self._circuit.failed()
            raise _gone() from error
        self._circuit.worked()
        return bool(answer)

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._client.aclose()
        await self._client.connection_pool.disconnect()


def _gone() -> UndecidedError:
    return UndecidedError("dpop.replay-unavailable", "the store of used proofs cannot be asked")
