"""Records kept in memory for a bounded time, so that a known key neither waits for the store nor outlives its end there.

A record is used for at most `seconds` after it was read. From half of that on it is read again while requests go on.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from guarita.gateway.apikeys.interface import KeyRecord, KeyStore, StoreError
from guarita.gateway.metering import UNMEASURED, Meter

SIZE: Final = 10_000
"""Records, and as many ids that are known to be none."""
UNKNOWN_SECONDS: Final = 5.0
"""How long an id that the store does not know is not asked for again."""
COOLDOWN: Final = 1.0
"""Seconds after a failure in which the store is left alone."""
WAITING: Final = 256
"""Ids that may be waited for at once: beyond, a flood of invented ones is refused at once."""
_PLACE: Final = "behind the cache"

_Entry = tuple[float, KeyRecord | None]


class RecordCache:
    """Reads records through a few threads; each id by one reader at a time."""

    def __init__(
        self,
        store: KeyStore,
        *,
        seconds: float,
        timeout: float,
        clock: Callable[[], float],
        pool: ThreadPoolExecutor,
        size: int = SIZE,
    ) -> None:
        """`seconds` as above; `timeout` is what one request may wait; `clock` is monotonic, in seconds."""
        self._store = store
        self._seconds = seconds
        self._timeout = timeout
        self._clock = clock
        self._pool = pool
        self._size = size
        self._known: OrderedDict[str, _Entry] = OrderedDict()
        self._unknown: OrderedDict[str, _Entry] = OrderedDict()
        self._reading: dict[str, asyncio.Task[KeyRecord | None]] = {}
        self._failed = float("-inf")
        self.meter: Meter = UNMEASURED

    async def get(self, key_id: str) -> KeyRecord | None:
        """The record, at most `seconds` old. Raises StoreError when it cannot be had in time."""
        now = self._clock()
        known = self._known.get(key_id)
        if known is not None and now - known[0] < self._seconds:
            if now - known[0] >= self._seconds / 2 and self._may_ask(key_id, now):
                self._read(key_id)
            self._known.move_to_end(key_id)
            self.meter.looked_up("api-keys", hit=True)
            return known[1]
        unknown = self._unknown.get(key_id)
        if unknown is not None and now - unknown[0] < min(self._seconds, UNKNOWN_SECONDS):
            self.meter.looked_up("api-keys", hit=True)
            return None
        self.meter.looked_up("api-keys", hit=False)
        reading = self._reading.get(key_id)
        if reading is None:
            if not self._may_ask(key_id, now):
                raise StoreError(_PLACE, "it failed a moment ago, or too many ids are being asked for")
            reading = self._read(key_id)
        done, _ = await asyncio.wait({reading}, timeout=self._timeout)
        if not done:
            self._failed = self._clock()
            self.meter.asked("api-keys", answered=False)
            raise StoreError(_PLACE, "no answer in time")
        return reading.result()

    def forget(self, key_id: str) -> None:
        """Ask the store the next time."""
        self._known.pop(key_id, None)
        self._unknown.pop(key_id, None)

    async def aclose(self) -> None:
        """Wait for no more answers."""
        for task in list(self._reading.values()):
            task.cancel()
        await asyncio.gather(*self._reading.values(), return_exceptions=True)

    def _may_ask(self, key_id: str, now: float) -> bool:
        return key_id not in self._reading and now - self._failed >= COOLDOWN and len(self._reading) < WAITING

    def _read(self, key_id: str) -> asyncio.Task[KeyRecord | None]:
        task = asyncio.get_running_loop().create_task(self._fetch(key_id))
        self._reading[key_id] = task
        task.add_done_callback(lambda done: self._ended(key_id, done))
        return task

    async def _fetch(self, key_id: str) -> KeyRecord | None:
        asked = self._clock()  # the record is as old as the question
        record = await asyncio.get_running_loop().run_in_executor(self._pool, self._store.get, key_id)
        entries, others = (self._unknown, self._known) if record is None else (self._known, self._unknown)
        others.pop(key_id, None)
        entries[key_id] = (asked, record)
        entries.move_to_end(key_id)
        while len(entries) > self._size:
            entries.popitem(last=False)
        return record

    def _ended(self, key_id: str, task: asyncio.Task[KeyRecord | None]) -> None:
        self._reading.pop(key_id, None)
        if task.cancelled():
            return
        failed = task.exception() is not None
        if failed:
            self._failed = self._clock()
        self.meter.asked("api-keys", answered=not failed)
