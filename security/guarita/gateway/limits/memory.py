"""Windows in this process's memory, for `limits`' strategy.

`limits` 5.8's own memory storage goes through all keys on every hit, so that a flood from many addresses slows everybody;
this one goes through none, and holds a bounded number.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import floor
from typing import Final

from limits.aio.storage import SlidingWindowCounterSupport, Storage

MAX_KEYS: Final = 100_000
"""Holders that are counted at once; beyond, the one that was seen longest ago starts anew."""


@dataclass(slots=True)
class _Window:
    start: float
    current: int = 0
    previous: int = 0


class BoundedMemory(Storage, SlidingWindowCounterSupport):
    """Counts in memory, within one event loop."""

    STORAGE_SCHEME = ["async+guarita-memory"]  # noqa: RUF012  # as the base class has it

    def __init__(self, clock: Callable[[], float] = time.monotonic, max_keys: int = MAX_KEYS) -> None:
        super().__init__()
        self._clock = clock
        self._max_keys = max_keys
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    async def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` requests where they still fit."""
        window = self._rolled(key, expiry)
        weighed = floor(window.previous * self._left(window, expiry) / expiry) + window.current
        if weighed + amount > limit:
            return False
        window.current += amount
        return True

    async def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """The last window's count and seconds left of it, this one's, and until this one is forgotten."""
        window = self._rolled(key, expiry)
        left = self._left(window, expiry)
        return window.previous, left if window.previous else 0.0, window.current, left + expiry

    async def clear_sliding_window(self, key: str, expiry: int) -> None:  # noqa: ARG002  # the base class has it
        """Forget a holder."""
        self._windows.pop(key, None)

    async def check(self) -> bool:
        return True

    async def reset(self) -> int | None:
        count = len(self._windows)
        self._windows.clear()
        return count

    async def clear(self, key: str) -> None:
        self._windows.pop(key, None)

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        raise NotImplementedError("only sliding windows are counted here")

    async def get(self, key: str) -> int:
        raise NotImplementedError("only sliding windows are counted here")

    async def get_expiry(self, key: str) -> float:
        raise NotImplementedError("only sliding windows are counted here")

    def _left(self, window: _Window, expiry: int) -> float:
        return max(0.0, window.start + expiry - self._clock())

    def _rolled(self, key: str, expiry: int) -> _Window:
        """The holder's window, moved on to now."""
        now = self._clock()
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = _Window(now)
            if len(self._windows) > self._max_keys:
                self._windows.popitem(last=False)
            return window
        self._windows.move_to_end(key)
        passed = int((now - window.start) // expiry)
        if passed == 1:
            window.previous, window.current, window.start = window.current, 0, window.start + expiry
        elif passed > 1:
            window.previous, window.current, window.start = 0, 0, now
        return window
