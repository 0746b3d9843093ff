"""One flight for all who want the same: asked from any event loop or thread, done once."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from guarita.gateway.refusal import UndecidedError

T = TypeVar("T")
_GRACE = 2.0
"""Seconds beyond the bound, after which a flight counts as lost: its event loop has gone."""


@dataclass(slots=True)
class Flight(Generic[T]):
    """Something under way. The event loop that began it does the work."""

    until: float
    """By the monotonic clock."""
    result: Future[T] = field(default_factory=Future)
    waiting: int = 0

    @property
    def lost(self) -> bool:
        """Whether it ended, or will never end."""
        return self.result.done() or time.monotonic() > self.until + _GRACE


class SingleFlight(Generic[T]):
    """Does each thing once at a time, by its name."""

    def __init__(self, *, bound: float, max_flights: int = 64, max_waiting: int = 512) -> None:
        """`bound` is the longest that the work takes, in seconds: it keeps to that by itself."""
        self._bound = bound
        self._max_flights = max_flights
        self._max_waiting = max_waiting
        self._flights: dict[Hashable, Flight[T]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = threading.Lock()

    def under_way(self, name: Hashable) -> Flight[T] | None:
        """The flight of this name, if there is one."""
        flight = self._flights.get(name)
        return None if flight is None or flight.lost else flight

    def start(self, name: Hashable, work: Callable[[], Awaitable[T]]) -> Flight[T]:
        """The flight of this name, begun here where none is under way. Does not wait for it.

        Raises UndecidedError `gateway.overloaded` where too many are under way.
        """
        loop = asyncio.get_running_loop()
        with self._lock:
            if (flight := self.under_way(name)) is not None:
                return flight
            if len(self._flights) >= self._max_flights:
                self._flights = {key: held for key, held in self._flights.items() if not held.lost}
            if len(self._flights) >= self._max_flights:
                raise _overloaded()
            flight = self._flights[name] = Flight(time.monotonic() + self._bound)
            flight.result.set_running_or_notify_cancel()  # nobody who waits can cancel it for the others
        task = loop.create_task(self._fly(flight, work))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(done, name, flight))
        return flight

    async def join(self, flight: Flight[T]) -> T:
        """Wait for it, at most for the bound. Raises what it raised, and UndecidedError `gateway.overloaded`."""
        if flight.waiting >= self._max_waiting:
            raise _overloaded()
        flight.waiting += 1
        try:
            left = max(flight.until - time.monotonic(), 0) + _GRACE
            return await asyncio.wait_for(asyncio.wrap_future(flight.result), left)
        except TimeoutError as error:
            raise UndecidedError("gateway.overloaded", "what decides did not answer in time") from error
        finally:
            flight.waiting -= 1

    async def _fly(self, flight: Flight[T], work: Callable[[], Awaitable[T]]) -> None:
        try:
            outcome = await work()
        except Exception as error:  # noqa: BLE001  # whatever it is, it belongs to those who wait
            flight.result.set_exception(error)
        else:
            flight.result.set_result(outcome)

    def _ended(self, task: asyncio.Task[None], name: Hashable, flight: Flight[T]) -> None:
        self._tasks.discard(task)
        with self._lock:
            if self._flights.get(name) is flight:
                del self._flights[name]
        if not flight.result.done():
            # The event loop is closing, perhaps before the work began. Those of another loop may ask again.
            flight.result.set_exception(UndecidedError("gateway.overloaded", "what decides was interrupted"))


def _overloaded() -> UndecidedError:
    return UndecidedError("gateway.overloaded", "too much is waiting for what decides")
