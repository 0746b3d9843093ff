"""Checkpoints by themselves: after so many entries, or so long after the first that none covers."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

EVERY = 1000
"""Entries after which a checkpoint is made."""
WITHIN = 60.0
"""Seconds within which an entry is covered by one."""
_APART = 0.5
"""Seconds between two, at the least: they cost a sync each, and a busy log would pay it often."""
_NEVER = math.inf


class Checkpointer:
    """Makes checkpoints in a thread of its own, so that a slow or absent signer holds up no append.

    A failure is tried again after `within` seconds, and last when the ledger closes, which then says so.
    """

    def __init__(self, sign: Callable[[], int], *, every: int = EVERY, within: float = WITHIN) -> None:
        """`sign` makes a checkpoint and gives its size."""
        self._sign = sign
        self._every = every
        self._within = within
        self._changed = threading.Condition()
        self._size = self._signed = 0
        self._due = _NEVER
        self._not_before = 0.0
        self._closed = False
        self._thread: threading.Thread | None = None

    def grown(self, start: int, size: int) -> None:
        """The log has at least `size` entries now, the new ones from index `start` on."""
        now = time.monotonic()
        with self._changed:
            if not self._size:
                # What stood there before us is covered by ours too, and does not hurry it.
                self._signed = start
            self._size = max(size, self._size)
            due = min(self._due, now + self._within)
            if self._size - self._signed >= self._every:
                due = min(due, max(now, self._not_before))
            if due != self._due:
                self._due = due
                self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="guarita-checkpoint", daemon=True)
                self._thread.start()

    def close(self) -> bool:
        """End the thread; says whether there are entries that it has made no checkpoint for."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        return self._size > self._signed

    def _run(self) -> None:
        while self._wait():
            try:
                size = self._sign()
            except Exception:  # noqa: BLE001  # the entries are durable; close() tries again, and tells
                with self._changed:
                    self._due = self._not_before = time.monotonic() + self._within
                continue
            with self._changed:
                now = time.monotonic()
                self._signed = size
                self._not_before = now + _APART
                if size >= self._size:
                    self._due = _NEVER
                else:
                    hurry = self._size - size >= self._every
                    self._due = self._not_before if hurry else now + self._within

    def _wait(self) -> bool:
        """Wait until a checkpoint is due; False when the ledger closes."""
        with self._changed:
            while not self._closed:
                left = self._due - time.monotonic()
                if left <= 0:
                    return True
                self._changed.wait(min(left, threading.TIMEOUT_MAX))
            return False
