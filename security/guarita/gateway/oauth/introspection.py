"""Opaque tokens: who issued them is asked what they are (RFC 7662). Answers are kept within bounds."""

from __future__ import annotations

import copy
import hashlib
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Self
from urllib.parse import urlencode

from guarita.errors import UsageError
from guarita.gateway.flight import SingleFlight
from guarita.gateway.interface import Principal, Request
from guarita.gateway.metering import UNMEASURED, Meter
from guarita.gateway.oauth.base import TokenAuthenticator
from guarita.gateway.oauth.binding import Binding
from guarita.gateway.oauth.challenges import Challenger
from guarita.gateway.oauth.clientauth import Client
from guarita.gateway.oauth.presented import Presented
from guarita.gateway.outbound import Outbound, check_endpoint
from guarita.gateway.refusal import RefusalError, TokenError, UndecidedError
from guarita.gateway.tokens import strictjson
from guarita.gateway.tokens.authenticator import roles_in
from guarita.gateway.tokens.claims import MAX_DATE, Claims, Expectation, check
from guarita.gateway.tokens.envelope import MAX_TOKEN

MAX_ANSWER: Final = 65_536
"""Bytes."""
_TYPES: Final = frozenset({"bearer", "dpop"})
_OF_THE_TOKEN: Final = frozenset({400, 413, 414, 422, 431})
"""Statuses that are about what was asked. The next token may be answered."""


@dataclass(frozen=True, slots=True)
class IntrospectionBounds:
    """How long answers count. In seconds."""

    active: float = 60.0
    """A token that is revoked at its issuer is out of use after that at the latest."""
    inactive: float = 5.0
    """For so long a token that was refused is not asked about again."""
    failure_cooldown: float = 2.0
    """After a failure nobody asks for so long."""
    leeway: float = 30.0


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What an answer came to."""

    until: float
    """By the clock that counts seconds, which nobody can set back."""
    principal: Principal | None = None
    confirmation: Mapping[str, str] = field(default_factory=dict)
    refusal: type[RefusalError] = TokenError
    code: str = ""
    message: str = ""


class IntrospectionAuthenticator(TokenAuthenticator):
    """Asks one issuer about tokens. May be used from any event loop and thread."""

    name = "introspection"

    def __init__(
        self,
        issuer: str,
        endpoint: str | Callable[[], Awaitable[str]],
        client: Client,
        outbound: Outbound,
        *,
        audiences: Iterable[str],
        audience_required: bool = True,
        type_required: bool = True,
        takes_jwt: bool = False,
        bounds: IntrospectionBounds | None = None,
        role_claim: tuple[str, ...] = (),
        binding: Binding | None = None,
        challenger: Challenger | None = None,
        size: int = 10_000,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now` is the time of day, `clock` counts seconds.

        Without `audience_required` an answer without `aud` is taken; without `type_required` one without
        `token_type` (some issuers introspect refresh tokens too, and only the type tells them apart). With
        `takes_jwt` tokens in three parts are asked about as well: where nobody verifies them.
        """
        super().__init__(binding, challenger)
        if isinstance(endpoint, str):
            check_endpoint(endpoint, insecure_loopback=outbound.insecure_loopback)
        self._expected = Expectation(
            issuer,
            frozenset(audiences),
            (bounds or IntrospectionBounds()).leeway,
            max_lifetime=MAX_DATE,
            profile=False,
        )
        self._endpoint = endpoint
        self._client = client
        self._outbound = outbound
        self._audience_required = audience_required
        self._type_required = type_required
        self._takes_jwt = takes_jwt
        self._bounds = bounds or IntrospectionBounds()
        self._role_claim = role_claim
        self._now = now
        self._clock = clock
        self._active = _Table(size)
        self._refused = _Table(min(size, 2_000))
        self._flights: SingleFlight[_Verdict] = SingleFlight(bound=3 * outbound.timeout + 1)
        self._not_before = 0.0
        self.meter: Meter = UNMEASURED

    @property
    def expected(self) -> Expectation:
        """What an answer must say."""
        return self._expected

    @property
    def role_claim(self) -> tuple[str, ...]:
        """Where roles stand in an answer."""
        return self._role_claim

    def elsewhere(self, endpoint: str, client: Client, outbound: Outbound) -> Self:
        """The same, asking at another endpoint, and remembering nothing yet: for tests."""
        other = copy.copy(self)
        other._endpoint, other._client, other._outbound = endpoint, client, outbound  # noqa: SLF001  # of this class
        other._active, other._refused = _Table(100), _Table(100)  # noqa: SLF001
        other._flights = SingleFlight(bound=3 * outbound.timeout + 1)  # noqa: SLF001
        return other

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        await self._outbound.aclose()

    async def _principal(self, brought: Presented, request: Request) -> Principal | None:
        token = brought.token
        if token.count(b".") == 2 and not self._takes_jwt:  # noqa: PLR2004  # RFC 7515 section 7.1
            return None
        if len(token) > MAX_TOKEN:
            raise TokenError("token.size", f"the token has more than {MAX_TOKEN} bytes")
        key = hashlib.sha256(token).digest()
        now = self._clock()
        verdict = self._active.get(key, now) or self._refused.get(key, now)
        self.meter.looked_up("introspection", hit=verdict is not None)
        if verdict is None:
            verdict = await self._ask(key, token)
        if verdict.principal is None:
            raise verdict.refusal(verdict.code, verdict.message)
        await self._binding.check(brought, verdict.confirmation, request)
        return verdict.principal

    async def _ask(self, key: bytes, token: bytes) -> _Verdict:
        flight = self._flights.under_way(key)
        if flight is None:
            if self._clock() < self._not_before:
                raise UndecidedError(
                    "introspection.unavailable", "who knows about the token cannot be asked now"
                )
            flight = self._flights.start(key, lambda: self._introspect(key, token))
        return await self._flights.join(flight)

    async def _introspect(self, key: bytes, token: bytes) -> _Verdict:
        try:
            where = self._endpoint if isinstance(self._endpoint, str) else await self._endpoint()
            form, headers = self._request(token)
            answer = await self._outbound.post(where, form, limit=MAX_ANSWER, headers=headers)
            verdict = self._judged(key, _read(answer.body))
        except strictjson.StrictJsonError as error:
            verdict = self._stumbled(str(error))
        except (RefusalError, UsageError) as error:
            if getattr(error, "answered", None) not in _OF_THE_TOKEN:
                self._not_before = self._clock() + self._bounds.failure_cooldown
                self.meter.asked("introspection", answered=False)
                raise UndecidedError(
                    "introspection.unavailable", f"the token's introspection: {error.message}"
                ) from error
            # Otherwise whoever finds a token that the issuer stumbles over keeps everybody else's from being asked about.
            verdict = self._stumbled(error.message)
        self.meter.asked("introspection", answered=True)
        (self._refused if verdict.principal is None else self._active).put(key, verdict, self._clock())
        return verdict

    def _stumbled(self, reason: str) -> _Verdict:
        """Nothing can be said of this token for a moment."""
        until = self._clock() + self._bounds.failure_cooldown
        said = f"the token's introspection: {reason}"
        return _Verdict(until, refusal=UndecidedError, code="introspection.unavailable", message=said)

    def _request(self, token: bytes) -> tuple[bytes, dict[str, str]]:
        fields = {"token": token.decode("ascii"), "token_type_hint": "access_token"}
        form, headers = self._client.identify(fields, self._now)
        return urlencode(form).encode(), headers

    def _judged(self, key: bytes, said: dict[str, Any]) -> _Verdict:
        now = self._now()
        try:
            claims = self._checked(said, now)
            roles = roles_in(claims.all, self._role_claim)
        except TokenError as error:
            until = self._clock() + self._bounds.inactive
            return _Verdict(until, code=error.code, message=error.message)
        principal = Principal(
            subject=claims.subject,
            issuer=claims.issuer,
            scopes=claims.scopes,
            roles=roles,
            client_id=claims.client_id or "",
            credential_id=claims.token_id or "sha256:" + key.hex(),
            expires=claims.expires,
            authenticator=self.name,
            bound=bool(claims.confirmation),
            claims=MappingProxyType(said),
        )
        until = self._clock() + min(claims.expires - now, self._bounds.active)
        return _Verdict(until, principal, claims.confirmation)

    def _checked(self, said: dict[str, Any], now: float) -> Claims:
        """The claims, after what may be missing (RFC 7662 section 2.2) was filled in."""
        if not said["active"]:
            raise TokenError("introspection.inactive", "the token's issuer says that it is not active")
        kind = said.get("token_type", None if self._type_required else "bearer")
        if type(kind) is not str or kind.lower() not in _TYPES:
            raise TokenError(
                "introspection.type", "the token's issuer does not say that it is an access token"
            )
        filled: dict[str, Any] = {"iss": self._expected.issuer, "exp": now + self._bounds.active}
        if "client_id" in said:
            filled["sub"] = said["client_id"]
        if not self._audience_required:
            filled["aud"] = sorted(self._expected.audiences)
        return check(filled | said, self._expected, now)


def _read(body: bytes) -> dict[str, Any]:
    said = strictjson.parse(body)
    if type(said.get("active")) is not bool:
        raise strictjson.StrictJsonError("it does not say whether the token is active")
    return said


class _Table:
    """Verdicts by the digest of the token's exact bytes, bounded."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: dict[bytes, _Verdict] = {}
        self._lock = threading.Lock()

    def get(self, key: bytes, now: float) -> _Verdict | None:
        verdict = self._held.get(key)
        return verdict if verdict is not None and now < verdict.until else None

    def put(self, key: bytes, verdict: _Verdict, now: float) -> None:
        with self._lock:
            if len(self._held) >= self._size:
                self._held = {held: v for held, v in self._held.items() if now < v.until}
                for oldest in list(self._held)[: max(len(self._held) - self._size * 15 // 16, 0)]:
                    del self._held[oldest]
            self._held[key] = verdict
