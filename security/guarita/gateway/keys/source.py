"""An issuer's key set, kept fresh: a known key never waits, an unknown one asks once, an outage has a bound."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from guarita.gateway.flight import Flight, SingleFlight
from guarita.gateway.keys.jwks import MAX_SET, KeySet, KeySetError, parse_key_set
from guarita.gateway.keys.store import KeySetFile, Stored
from guarita.gateway.metering import UNMEASURED, Meter
from guarita.gateway.outbound import Answer, Outbound, check_endpoint
from guarita.gateway.refusal import RefusalError, UndecidedError
from guarita.gateway.tokens.algorithms import ALGORITHMS

_LOG: Final = logging.getLogger("guarita.gateway.keys")
_FUTURE: Final = 60.0
"""Seconds by which a file may come from the future: clocks differ."""
Locate = Callable[[], Awaitable[str]]
"""Where the set is now: discovery's answer. Raises UndecidedError."""


@dataclass(frozen=True, slots=True)
class KeyBounds:
    """How fresh a set is kept. All in seconds."""

    refresh_min: float = 60.0
    """What `max-age` says is not believed below this,"""
    refresh_max: float = 3_600.0
    """nor above this: a key taken back is out of use after that at the latest, while the issuer answers."""
    refresh: float = 300.0
    """Where the issuer says nothing."""
    cooldown: float = 10.0
    """Between two fetches for unknown keys: a flood of invented names costs one fetch in this time."""
    failure_cooldown: float = 5.0
    """After a failure nobody asks for so long."""
    stale: float = 21_600.0
    """How old the last good set may grow while the issuer cannot be asked."""


class UnavailableKeysError(UndecidedError):
    """The issuer's keys cannot be known now."""

    def __init__(self, issuer: str, reason: str) -> None:
        super().__init__("keys.unavailable", f"the keys of {issuer} cannot be known now: {reason}")


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """How a source stands, for metrics and `guarita gateway` commands."""

    issuer: str
    age: float | None
    """Seconds since the set was fetched; None where there is none."""
    keys: int
    left_out: tuple[str, ...]
    failure: str
    """Why the last fetch failed; empty when it did not."""
    fetches: int


class KeySource:
    """The keys of one issuer. May be used from any event loop and thread."""

    def __init__(
        self,
        issuer: str,
        where: str | Locate,
        outbound: Outbound,
        *,
        algorithms: Iterable[str] = tuple(ALGORITHMS),
        bounds: KeyBounds | None = None,
        file: KeySetFile | None = None,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now` is the time of day, for the file; `clock` counts seconds and never jumps.

        Raises UsageError `gateway.endpoint` for an address that may not be asked.
        """
        if isinstance(where, str):
            check_endpoint(where, insecure_loopback=outbound.insecure_loopback)
        self.issuer = issuer
        self._where = where
        self._outbound = outbound
        self._algorithms = frozenset(algorithms)
        self._bounds = bounds or KeyBounds()
        self._file = file
        self._file_read = file is None
        self._now = now
        self._clock = clock
        self._flights: SingleFlight[None] = SingleFlight(bound=3 * outbound.timeout + 1)
        self._lock = threading.Lock()
        self._set: KeySet | None = None
        self._fetched = 0.0
        self._due = 0.0
        self._not_before = 0.0
        self._failure = ""
        self._fetches = 0
        self._watchers: tuple[Callable[[], None], ...] = ()
        self.meter: Meter = UNMEASURED

    def current(self) -> KeySet | None:
        """The set, where nothing needs to be done about it: neither waits nor asks."""
        return self._set if self._clock() < self._due else None

    async def find(self, kid: str | None, algorithm: str) -> KeySet:
        """The set to look for this key in. A set that holds it is given at once, and renewed behind the scenes.

        Raises UnavailableKeysError `keys.unavailable`, UndecidedError `gateway.overloaded`.
        """
        if not self._file_read:
            self._read_file()
        keys = self._valid()
        if keys is not None and keys.find(kid, algorithm) is not None:
            if self._clock() >= self._due:
                self._begin()
            return keys
        await self._renew()
        keys = self._valid()
        if keys is None:
            raise UnavailableKeysError(self.issuer, self._failure or "no set was fetched")
        if self._failure and keys.find(kid, algorithm) is None:
            # The key may be new, and who knows about it is out of reach: that is not the caller's fault.
            raise UnavailableKeysError(self.issuer, self._failure)
        return keys

    async def warm(self) -> None:
        """Fetch the set, if there is none yet. Raises as `find`."""
        if not self._file_read:
            self._read_file()
        if self._valid() is None:
            await self._renew()
            if self._valid() is None:
                raise UnavailableKeysError(self.issuer, self._failure or "no set was fetched")

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        await self._outbound.aclose()

    def watch(self, withdrawn: Callable[[], None]) -> None:
        """Call this after the issuer has withdrawn a key: what was decided by it counts no more."""
        self._watchers = (*self._watchers, withdrawn)

    def pin(self, keys: KeySet) -> None:
        """Use this set, and ask nobody any more: for tests."""
        with self._lock:
            self._set, self._failure, self._file_read = keys, "", True
            self._fetched, self._due, self._not_before = self._clock(), float("inf"), float("inf")

    def unpin(self) -> None:
        """Ask the issuer again."""
        with self._lock:
            self._set, self._due, self._not_before = None, 0.0, 0.0

    def status(self) -> KeyStatus:
        """How it stands."""
        keys = self._set
        return KeyStatus(
            issuer=self.issuer,
            age=None if keys is None else self._clock() - self._fetched,
            keys=len(keys.keys) if keys else 0,
            left_out=keys.left_out if keys else (),
            failure=self._failure,
            fetches=self._fetches,
        )

    def _valid(self) -> KeySet | None:
        """The set, unless it is older than the bound of staleness (or than its own term, where that is longer)."""
        limit = max(self._fetched + self._bounds.stale, self._due)
        return self._set if self._set is not None and self._clock() < limit else None

    async def _renew(self) -> None:
        """Ask the issuer, or wait for who asks already, unless it was asked a moment ago."""
        flight = self._flights.under_way("set") or self._begin()
        if flight is not None:
            await self._flights.join(flight)

    def _begin(self) -> Flight[None] | None:
        with self._lock:
            if self._clock() < self._not_before:
                return self._flights.under_way("set")
            self._not_before = self._clock() + self._bounds.cooldown
            return self._flights.start("set", self._fetch)

    async def _fetch(self) -> None:
        """One attempt. Its failure is remembered rather than raised: who waits looks at what there is."""
        self._fetches += 1
        try:
            where = self._where if isinstance(self._where, str) else await self._where()
            answer = await self._outbound.get(where, limit=MAX_SET)
            keys = parse_key_set(answer.body, self._algorithms)
        except asyncio.CancelledError:
            self._not_before = 0.0  # the event loop is closing: another one may ask at once
            raise
        except KeySetError as error:
            self._failed(str(error))
        except RefusalError as error:
            self._failed(error.message)
        else:
            self._succeeded(keys, answer)
            await self._keep(answer.body)

    def _failed(self, reason: str) -> None:
        if not self._failure:
            _LOG.warning("the keys of %s cannot be renewed: %s", self.issuer, reason)
        with self._lock:
            self._failure = reason
            self._not_before = self._clock() + self._bounds.failure_cooldown
        self.meter.keys(self.status(), renewed=False)

    def _succeeded(self, keys: KeySet, answer: Answer) -> None:
        if self._failure:
            _LOG.warning("the keys of %s are renewed again", self.issuer)
        term = self._bounds.refresh if answer.max_age is None else answer.max_age
        term = min(max(term, self._bounds.refresh_min), self._bounds.refresh_max)
        with self._lock:
            before, self._set = self._set, keys
            self._failure = ""
            self._fetched = self._clock()
            self._due = self._fetched + term
        self.meter.keys(self.status(), renewed=True)
        still = [entry.key for entry in keys.keys]
        if before is not None and any(entry.key not in still for entry in before.keys):
            for withdrawn in self._watchers:
                withdrawn()

    async def _keep(self, raw: bytes) -> None:
        if self._file is None:
            return
        try:
            await asyncio.to_thread(self._file.write, Stored(raw, self._now()))
        except OSError as error:
            _LOG.warning("the keys of %s cannot be kept in a file: %s", self.issuer, error.strerror)

    def _read_file(self) -> None:
        """Begin with what was kept, as old as it is; it is due for renewal at once."""
        with self._lock:
            if self._file_read or self._file is None:
                return
            self._file_read = True
            stored = self._file.read()
            if stored is None or stored.fetched > self._now() + _FUTURE:
                return
            try:
                keys = parse_key_set(stored.raw, self._algorithms)
            except KeySetError:
                return
            self._set = keys
            self._due = self._clock()
            self._fetched = self._due - max(self._now() - stored.fetched, 0.0)
