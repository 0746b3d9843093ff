"""Tokens that were given, kept as long as they count: asked for once by all who want the same, renewed ahead of time."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from guarita.errors import UsageError
from guarita.gateway.clients.interface import TokenRefusedError, TokenUnavailableError
from guarita.gateway.flight import SingleFlight
from guarita.gateway.oauth.clientauth import Form
from guarita.gateway.oauth.tokenendpoint import (
    GrantRefusedError,
    GrantUnavailableError,
    Issued,
    TokenEndpoint,
)
from guarita.gateway.refusal import UndecidedError

T = TypeVar("T")
_UNSAID: Final = 60.0
"""Seconds that a token is used whose issuer does not say how long it lives."""
_ON_ITS_WAY: Final = 5.0
"""Seconds before its end from which on a token is not sent any more: it has a way to go."""
_SHARE: Final = 0.2
"""Of a token's life, within which it is renewed, where that is less than `renew_before`."""
_COOLDOWN: Final = (1.0, 30.0)
"""Seconds that nobody asks after the first failure in a row, doubled by each further one, and at most."""
_REFUSED: Final = 5.0
"""Seconds that a refusal is remembered."""
_YOUNG: Final = 5.0
"""Seconds within which a token is not replaced because somebody refused it: that is not for its age."""


@dataclass(frozen=True, slots=True)
class _Kept:
    issued: Issued
    at: float
    renew_at: float
    until: float


class TokenCache:
    """Tokens of one client by key. May be used from any event loop and thread."""

    def __init__(
        self,
        name: str,
        endpoint: TokenEndpoint,
        *,
        renew_before: float = 60.0,
        patience: float = 16.0,
        size: int = 10_000,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Times in seconds: `patience` is how long a grant takes at most. `now` is the time of day."""
        self._name = name
        self._endpoint = endpoint
        self._renew_before = renew_before
        self._size = size
        self._now = now
        self._clock = clock
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._refused: OrderedDict[bytes, tuple[float, TokenRefusedError]] = OrderedDict()
        self._failures = 0
        self._not_before = 0.0
        self._flights: SingleFlight[Issued] = SingleFlight(bound=patience, max_flights=256, max_waiting=4_096)
        self._lock = threading.Lock()

    async def get(self, key: bytes, grant: Form, *, longest: float | None = None) -> Issued:
        """The token of this key; whoever has the same key gets the same token.

        `longest` is how many seconds it is used at most. Raises TokenUnavailableError, TokenRefusedError,
        UsageError `gateway.secret`.
        """
        now = self._now()
        kept = self._kept.get(key)
        if kept is not None and now < kept.renew_at:
            return kept.issued
        if kept is not None and now < kept.until:
            if self._may_ask(key) is None:
                with contextlib.suppress(UndecidedError):  # too many at once: a later call does it
                    self._flights.start(key, lambda: self._ask(key, grant, longest))
            return kept.issued
        try:
            flight = self._flights.under_way(key)
            if flight is None:
                if (refusal := self._may_ask(key)) is not None:
                    raise refusal
                flight = self._flights.start(key, lambda: self._ask(key, grant, longest))
            return await self._flights.join(flight)
        except (TokenUnavailableError, TokenRefusedError):
            raise
        except UndecidedError as error:
            raise TokenUnavailableError(self._name, error.message) from error

    def forget(self, key: bytes, issued: Issued) -> bool:
        """Whether this token, which somebody refused, is replaced: unless it is young, or was replaced already."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or kept.issued is not issued:
                return True
            if self._now() - kept.at < _YOUNG:
                return False
            del self._kept[key]
            return True

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        await self._endpoint.aclose()

    def __len__(self) -> int:
        return len(self._kept)

    def _may_ask(self, key: bytes) -> TokenRefusedError | TokenUnavailableError | None:
        until, refusal = self._refused.get(key, (0.0, None))
        if refusal is not None and self._clock() < until:
            return TokenRefusedError(self._name, refusal.reason)
        if self._clock() < self._not_before:
            return TokenUnavailableError(self._name, "the issuer did not answer a moment ago")
        return None

    async def _ask(self, key: bytes, grant: Form, longest: float | None) -> Issued:
        asked = self._now()
        try:
            issued = await self._endpoint.ask(grant)
        except GrantRefusedError as error:
            refusal = TokenRefusedError(self._name, error.reason or "the issuer does not say why")
            with self._lock:
                _put(self._refused, key, (self._clock() + _REFUSED, refusal), self._size)
                self._kept.pop(key, None)
            raise refusal from error
        except (GrantUnavailableError, UsageError) as error:
            with self._lock:
                self._failures += 1
                least, most = _COOLDOWN
                self._not_before = self._clock() + min(least * 2 ** min(self._failures - 1, 10), most)
            if isinstance(error, UsageError):
                raise
            raise TokenUnavailableError(self._name, error.message) from error
        ends = issued.expires if issued.expires is not None else asked + _UNSAID
        if longest is not None:
            ends = min(ends, asked + longest)
        life = max(ends - asked, 0.0)
        early = min(self._renew_before, life * _SHARE)
        kept = _Kept(issued, asked, ends - early, ends - min(_ON_ITS_WAY, life * _SHARE))
        with self._lock:
            self._failures, self._not_before = 0, 0.0
            _put(self._kept, key, kept, self._size)
        return issued


def _put(table: OrderedDict[bytes, T], key: bytes, value: T, size: int) -> None:
    table[key] = value
    table.move_to_end(key)
    while len(table) > size:
        table.popitem(last=False)
