"""Sessions of one process, gone with it."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from guarita.gateway.login.interface import SessionsGoneError, SessionStore

ENDED: Final = 900.0
"""Seconds that a login under way may still come too late, after its session was ended elsewhere."""
_ONCE: Final = 100_000
"""What may be used once and was, remembered at most."""


@dataclass(slots=True)
class _Kept:
    record: bytes
    names: tuple[bytes, ...]
    until: float


class MemorySessionStore(SessionStore):
    """A table, bounded. Where it is full the session that nobody touched for the longest time makes way."""

    def __init__(
        self, *, idle: float, size: int = 100_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`idle` in seconds; `clock` counts seconds."""
        self._idle = idle
        self._size = size
        self._clock = clock
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        """The one touched last comes last, so those that have ended come first."""
        self._named: dict[bytes, set[bytes]] = {}
        self._ended: dict[bytes, tuple[float, float]] = {}
        self._used: dict[bytes, float] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    async def begin(
        self,
        key: bytes,
        record: bytes,
        names: Sequence[bytes],
        *,
        issued: float,
        ends: float,  # noqa: ARG002  # who reads the record judges it
    ) -> bool:
        with self._lock:
            now = self._clock()
            self._sweep(now)
            for name in names:
                at, until = self._ended.get(name, (0.0, 0.0))
                if now < until and issued <= at:
                    return False
            while len(self._kept) >= self._size:
                self._forget(next(iter(self._kept)))
            self._kept[key] = _Kept(record, tuple(names), now + self._idle)
            for name in names:
                self._named.setdefault(name, set()).add(key)
            return True

    async def read(self, key: bytes, *, touch: bool) -> bytes | None:
        with self._lock:
            now = self._clock()
            self._sweep(now)
            kept = self._kept.get(key)
            if kept is None:
                return None
            if touch:
                kept.until = now + self._idle
                self._kept.move_to_end(key)
            return kept.record

    async def replace(self, key: bytes, old: bytes, new: bytes) -> bool:
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or kept.record != old:
                return False
            kept.record = new
            return True

    async def end(self, key: bytes) -> None:
        with self._lock:
            if key in self._kept:
                self._forget(key)

    async def end_named(
        self, names: Sequence[bytes], *, at: float, once: bytes, seconds: float
    ) -> list[tuple[bytes, bytes]] | None:
        with self._lock:
            now = self._clock()
            if not self._first(once, now, seconds):
                return None
            self._sweep(now)
            self._ended = {name: held for name, held in self._ended.items() if now < held[1]}
            ended = []
            for name in names:
                self._ended[name] = (at, now + ENDED)
                for key in list(self._named.get(name, ())):
                    ended.append((key, self._kept[key].record))
                    self._forget(key)
            return ended

    async def first_use(self, key: bytes, seconds: float) -> bool:
        with self._lock:
            return self._first(key, self._clock(), seconds)

    async def release(self, key: bytes) -> None:
        with self._lock:
            self._used.pop(key, None)

    def _first(self, key: bytes, now: float, seconds: float) -> bool:
        if now < self._used.get(key, now):
            return False
        self._used.pop(key, None)
        while self._used and self._used[oldest := next(iter(self._used))] <= now:
            del self._used[oldest]
        if len(self._used) >= _ONCE:
            raise SessionsGoneError("too much is remembered to take more")
        self._used[key] = now + seconds
        return True

    def _sweep(self, now: float) -> None:
        while self._kept:
            key = next(iter(self._kept))
            if now < self._kept[key].until:
                return
            self._forget(key)

    def _forget(self, key: bytes) -> None:
        for name in self._kept.pop(key).names:
            held = self._named[name]
            held.discard(key)
            if not held:
                del self._named[name]
