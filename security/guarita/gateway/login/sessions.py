"""Sessions: begun after a login, looked up for each request, renewed at the provider, ended at anybody's word."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from guarita.gateway.flight import SingleFlight
from guarita.gateway.login import cookies
from guarita.gateway.login.identity import Identity, LogoutOrder
from guarita.gateway.login.interface import (
    LoginError,
    Session,
    SessionEndedError,
    SessionsGoneError,
    SessionStore,
)
from guarita.gateway.login.provider import Provider
from guarita.gateway.login.sealing import Sealer
from guarita.gateway.oauth.tokenendpoint import Issued
from guarita.gateway.refusal import UndecidedError
from guarita.gateway.shared import COOLDOWN

_PURPOSE: Final = b"session"
_EARLY: Final = 60.0
"""Seconds before the provider's word ends, at which it is asked again,"""
_SHARE: Final = 0.2
"""or this share of how long it lasts, where that is less."""
_UNSAID: Final = 300.0
"""Seconds that a provider's word lasts where it does not say."""
_COOLDOWN: Final = 5.0
"""Seconds, after which a provider that did not answer is asked again."""
_AGAIN: Final = 0.05
"""Seconds between two looks at what another process renews."""
_OF_THE_LOGIN: Final = frozenset({"iat", "exp", "auth_time", "nonce", "sid"})
"""Claims that belong to the login and not to its renewals."""
_KEPT: Final = 3
"""Attempts at keeping what was renewed: the provider takes the old refresh token no more."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """How long things last, in seconds."""

    lifetime: float = 43_200.0
    outage: float = 300.0


class Sessions:
    """May be used from any event loop. Every method may raise SessionsGoneError `session.unavailable`."""

    def __init__(
        self,
        store: SessionStore,
        sealer: Sealer,
        provider: Provider,
        *,
        lasting: Lasting,
        patience: float = 25.0,
        wait: float = 6.0,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Times are in seconds.

        `patience` is how long a renewal may take, `wait` how long one by another process is waited for. `now` is the
        time of day, `clock` counts seconds.
        """
        self._store = store
        self._sealer = sealer
        self._provider = provider
        self._lasting = lasting
        self._patience = patience
        self._wait = wait
        self._now = now
        self._clock = clock
        self._not_before = 0.0
        self._flights: SingleFlight[Session | None] = SingleFlight(bound=patience + 3, max_flights=1_024)

    @property
    def issuer(self) -> str:
        """Whose logins they are."""
        return self._provider.issuer

    def elsewhere(self, store: SessionStore, sealer: Sealer) -> Sessions:
        """The same provider's sessions, kept in another place: for tests."""
        return Sessions(
            store,
            sealer,
            self._provider,
            lasting=self._lasting,
            patience=self._patience,
            wait=self._wait,
            now=self._now,
            clock=self._clock,
        )

    async def begin(self, issued: Issued, found: Identity) -> tuple[str, Session]:
        """A new session under a new identifier, whatever the browser brought.

        Raises LoginError `login.ended` where the provider has ended it meanwhile.
        """
        now = self._now()
        session = Session(
            issuer=self._provider.issuer,
            subject=found.subject,
            client_id=self._provider.client_id,
            sid=found.sid,
            claims=dict(found.claims),
            scopes=tuple(sorted(self._provider.scopes if issued.scopes is None else issued.scopes)),
            begun=now,
            ends=now + self._lasting.lifetime,
            **_tokens(issued, issued.refresh_token, issued.id_token or "", now),
        )
        value = cookies.fresh()
        key = _key(value)
        kept = await self._store.begin(
            key, self._sealed(key, session), self._names(session), issued=found.issued, ends=session.ends
        )
        if not kept:
            raise LoginError("login.ended", "the provider has ended this login meanwhile")
        return value, session

    async def find(self, value: str, *, touch: bool) -> Session:
        """The session of a cookie, which somebody uses now where `touch` says so. Raises SessionEndedError."""
        key = _key(value)
        record = await self._store.read(key, touch=touch)
        session = None if record is None else self._opened(key, record)
        if record is not None and session is not None:
            now = self._now()
            if session.ends <= now:
                await self._store.end(key)
            elif session.renew_at is None or now < session.renew_at:
                return session
            else:
                session = await self._renewed(key, record, session)
                if session is not None:
                    return session
        raise SessionEndedError

    async def end(self, value: str) -> Session | None:
        """Forget the session of a cookie; gives it, if there was one."""
        key = _key(value)
        record = await self._store.read(key, touch=False)
        if record is None:
            return None
        await self._store.end(key)
        return self._opened(key, record)

    async def end_ordered(self, order: LogoutOrder) -> list[tuple[str, Session]]:
        """Forget the sessions that the provider ends; gives their fingerprints and them.

        Raises LoginError `logout.replayed` for an order that was carried out before.
        """
        issuer, names = self._provider.issuer, self._sealer.names
        if order.sid:
            named = names("sid", issuer, order.sid)
            # Sessions that were never told a `sid` of their own end with any of their subject's.
            named += names("no-sid", issuer, order.subject) if order.subject else []
        else:
            named = names("subject", issuer, order.subject)
        ended = await self._store.end_named(
            named,
            at=order.issued,
            once=names("order", issuer, order.token_id)[-1],
            seconds=max(order.expires - self._now(), 0.0) + _UNSAID,
        )
        if ended is None:
            raise LoginError("logout.replayed", "the logout token was used before")
        opened = [(fingerprint_of(key), self._opened(key, record)) for key, record in ended]
        return [(name, session) for name, session in opened if session is not None]

    async def first_use(self, identity: bytes, seconds: float) -> bool:
        """Whether a login was not answered before; it is now."""
        return await self._store.first_use(identity, seconds)

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._store.aclose()
        await self._provider.aclose()

    async def _renewed(self, key: bytes, record: bytes, session: Session) -> Session | None:
        """The session after the provider was asked, where that is due; None where it is over.

        Nobody waits for it before it must.
        """
        now = self._now()
        if session.good_until is None or now < session.good_until:
            if self._clock() >= self._not_before:
                with contextlib.suppress(UndecidedError):  # too many at once: a later request does it
                    self._flights.start(key, lambda: self._renew(key, record, session))
            return session
        try:
            if self._clock() < self._not_before and self._flights.under_way(key) is None:
                raise SessionsGoneError("the provider did not answer a moment ago")
            return await self._flights.join(
                self._flights.start(key, lambda: self._renew(key, record, session))
            )
        except UndecidedError as error:
            if now < session.good_until + self._lasting.outage:
                return session
            raise SessionsGoneError(error.message) from error

    async def _renew(self, key: bytes, record: bytes, session: Session) -> Session | None:
        """Ask the provider, or wait for the process that does. Raises UndecidedError."""
        claim = hashlib.sha256(b"renewal" + record).digest()
        if not await self._store.first_use(claim, self._patience + _COOLDOWN):
            return await self._awaited(key, record)
        try:
            renewed = await self._provider.renew(session)
        except UndecidedError:
            self._not_before = self._clock() + _COOLDOWN
            await self._store.release(claim)
            raise
        if renewed is None:
            await self._store.end(key)
            return None
        issued, found = renewed
        now = self._now()
        changed = msgspec.structs.replace(
            session,
            claims=session.claims if found is None else _renewed_claims(session.claims, found.claims),
            scopes=session.scopes if issued.scopes is None else tuple(sorted(issued.scopes)),
            **_tokens(
                issued,
                issued.refresh_token or session.refresh_token,
                issued.id_token or session.id_token,
                now,
            ),
        )
        for attempt in range(_KEPT):
            try:
                kept = await self._store.replace(key, record, self._sealed(key, changed))
            except SessionsGoneError:
                if attempt == _KEPT - 1:
                    raise
                await asyncio.sleep(COOLDOWN + 0.1)
            else:
                return changed if kept else await self._current(key)
        raise AssertionError  # the loop returns or raises

    async def _awaited(self, key: bytes, record: bytes) -> Session | None:
        until = self._clock() + self._wait
        while self._clock() < until:
            await asyncio.sleep(_AGAIN)
            found = await self._store.read(key, touch=False)
            if found != record:
                return None if found is None else self._opened(key, found)
        raise SessionsGoneError("another process renews it, and is not done")

    async def _current(self, key: bytes) -> Session | None:
        found = await self._store.read(key, touch=False)
        return None if found is None else self._opened(key, found)

    def _names(self, session: Session) -> list[bytes]:
        kinds = [
            ("subject", session.subject),
            ("sid", session.sid) if session.sid else ("no-sid", session.subject),
        ]
        return [self._sealer.names(kind, session.issuer, value)[0] for kind, value in kinds]

    def _sealed(self, key: bytes, session: Session) -> bytes:
        return self._sealer.seal(_PURPOSE, msgspec.msgpack.encode(session), key)

    def _opened(self, key: bytes, record: bytes) -> Session | None:
        plain = self._sealer.open(_PURPOSE, record, key)
        try:
            session = None if plain is None else msgspec.msgpack.decode(plain, type=Session)
        except msgspec.MsgspecError:
            return None  # of a version that kept other things
        # One that logged in elsewhere, before the configuration was changed, is nobody's here.
        return session if session is not None and session.issuer == self._provider.issuer else None


def fingerprint(value: str) -> str:
    """What names a session in principals and in the record, and opens nothing."""
    return fingerprint_of(_key(value))


def fingerprint_of(key: bytes) -> str:
    """The same, from the key that it is kept by."""
    return "session:" + key.hex()[:32]


def _key(value: str) -> bytes:
    """What the store knows an identifier by."""
    return hashlib.sha256(b"guarita session " + value.encode()).digest()


def _tokens(issued: Issued, refresh_token: str | None, id_token: str, now: float) -> dict[str, Any]:
    ends = issued.expires if issued.expires is not None else now + _UNSAID
    early = min(_EARLY, max(ends - now, 0.0) * _SHARE)
    return {
        "access_token": issued.access_token,
        "access_type": issued.type,
        "refresh_token": refresh_token,
        "id_token": id_token,
        "good_until": None if refresh_token is None else ends,
        "renew_at": None if refresh_token is None else ends - early,
    }


def _renewed_claims(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What the provider says now, and nothing that it says no more; when somebody logged in stays as it was.

    A subject is revoked for all that he got until then: a renewal must not make a login young.
    """
    kept = {name: before[name] for name in _OF_THE_LOGIN if name in before}
    return {name: value for name, value in after.items() if name not in _OF_THE_LOGIN} | kept
