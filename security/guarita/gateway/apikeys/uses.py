"""When keys were last used: to the hour, noted aside, so that no request waits for it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from guarita.gateway.apikeys.interface import KeyStore, StoreError

COARSE: Final = 3600
"""Seconds: finer would tell when a person works."""
PERIOD: Final = 60.0
"""Seconds between two writes."""
MAX_PENDING: Final = 100_000


class LastUses:
    """Collects uses and writes each hour of each key once. What cannot be written waits, within a bound."""

    def __init__(self, store: KeyStore, pool: ThreadPoolExecutor) -> None:
        self._store = store
        self._pool = pool
        self._pending: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self._last_write = float("-inf")
        self._writing: asyncio.Future[None] | None = None

    def note(self, key_id: str, at: float) -> None:
        """A key was used at `at` (seconds since the epoch)."""
        hour = int(at) // COARSE * COARSE
        if self._written.get(key_id, -1) >= hour:
            return
        if len(self._pending) < MAX_PENDING or key_id in self._pending:
            self._pending[key_id] = hour
        if self._writing is None and abs(at - self._last_write) >= PERIOD:
            self._last_write = at
            self._begin()

    async def flush(self) -> None:
        """Write what is pending, as far as the store is there."""
        if self._writing is not None:
            await asyncio.wait({self._writing})
        if self._pending:
            await asyncio.wait({self._begin()})

    def _begin(self) -> asyncio.Future[None]:
        batch, self._pending = self._pending, {}
        if len(self._written) > MAX_PENDING:
            self._written.clear()
        self._written.update(batch)  # while it is being written too
        self._writing = writing = asyncio.get_running_loop().run_in_executor(
            self._pool, self._store.used, batch
        )
        writing.add_done_callback(lambda done: self._ended(done, batch))
        return writing

    def _ended(self, done: asyncio.Future[None], batch: dict[str, int]) -> None:
        self._writing = None
        error = None if done.cancelled() else done.exception()
        if done.cancelled() or isinstance(error, StoreError):
            self._pending = {**batch, **self._pending}
            for key_id in batch:
                self._written.pop(key_id, None)
            return
        if error is not None:
            raise error  # to the loop's exception handler: a fault of ours
