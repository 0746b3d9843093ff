"""Proofs that were used: each one counts once (RFC 9449 section 11.1)."""

from __future__ import annotations

import abc
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from guarita.gateway.refusal import UndecidedError


class ReplayStore(abc.ABC):
    """Remembers what was used, for as long as it could be used again."""

    @abc.abstractmethod
    async def first_use(self, key: bytes, seconds: float) -> bool:
        """Whether this key was not used before; it is from now on, for so many seconds.

        Raises UndecidedError `dpop.replay-unavailable` where that cannot be known.
        """


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


class RedisClient(Protocol):
    """What is used of `redis.asyncio.Redis`."""

    async def set(self, name: Any, value: Any, *, px: int, nx: bool) -> Any:
        """SET name value PX px NX: something true when it was set."""


class RedisReplayStore(ReplayStore):
    """In a Redis that several processes share. Its loss is an outage, and lets nobody through."""

    def __init__(self, client: RedisClient, *, prefix: str = "guarita:dpop:") -> None:
        """The client brings its own bounds on time."""
        self._client = client
        self._prefix = prefix.encode()

    async def first_use(self, key: bytes, seconds: float) -> bool:
        """As the interface says."""
        try:
            answer = await self._client.set(
                self._prefix + key.hex().encode(), b"1", px=int(seconds * 1000) + 1, nx=True
            )
        except Exception as error:  # whatever the client's library calls it: it cannot be known
            raise UndecidedError(
                "dpop.replay-unavailable", "the store of used proofs cannot be asked"
            ) from error
        return bool(answer)
