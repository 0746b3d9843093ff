"""JWT access tokens as principals. A token that was verified before costs a look into a table."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from guarita.gateway.interface import Principal, Request
from guarita.gateway.keys.jwks import KeyEntry, KeySet
from guarita.gateway.keys.source import KeySource
from guarita.gateway.metering import UNMEASURED, Meter
from guarita.gateway.oauth.base import TokenAuthenticator
from guarita.gateway.oauth.binding import Binding
from guarita.gateway.oauth.challenges import Challenger
from guarita.gateway.oauth.presented import BEARER, Presented
from guarita.gateway.refusal import TokenError
from guarita.gateway.tokens.claims import MAX_SCOPES, Claims
from guarita.gateway.tokens.verifier import Trust, UnknownKeyError, Unverified, Verifier

MAX_CACHED: Final = 4_096
"""Bytes of a token that is remembered: the rest is verified each time."""


@dataclass(frozen=True, slots=True)
class _Verified:
    """A spelling of a token that was verified, and by what."""

    principal: Principal
    confirmation: Mapping[str, str]
    until: float
    source: KeySource
    keys: KeySet
    entry: KeyEntry
    kid: str | None
    algorithm: str
    plain: bool = field(default=False)
    """Whether nothing but the token itself need be looked at."""


class JwtAuthenticator(TokenAuthenticator):
    """Verifies JWT access tokens (RFC 9068) of the issuers that a Verifier trusts.

    Verified tokens are remembered by their exact bytes: each spelling is verified by itself, and none is
    taken for another. One is forgotten when it ends, and when its issuer withdraws the key that signed it.
    What was refused is not remembered.
    """

    name = "jwt"

    def __init__(
        self,
        verifier: Verifier,
        sources: Mapping[str, KeySource],
        *,
        binding: Binding | None = None,
        challenger: Challenger | None = None,
        role_claims: Mapping[str, tuple[str, ...]] | None = None,
        opaque_elsewhere: bool = False,
        size: int = 10_000,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`sources` and `role_claims` (the path to a list of roles) go by issuer; `now` is the time of day.

        With `opaque_elsewhere` a token that is not in three parts is somebody else's rather than wrong.
        """
        super().__init__(binding, challenger)
        self._verifier = verifier
        self.sources: Mapping[str, KeySource] = MappingProxyType(dict(sources))
        self.role_claims: Mapping[str, tuple[str, ...]] = MappingProxyType(dict(role_claims or {}))
        self._opaque_elsewhere = opaque_elsewhere
        self._size = size
        self._now = now
        self._cache: dict[bytes, _Verified] = {}
        self.meter: Meter = UNMEASURED
        self._lock = threading.Lock()

    @property
    def trusts(self) -> Mapping[str, Trust]:
        """Whose tokens are taken, and how far each is trusted."""
        return self._verifier.trusts

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        for source in self.sources.values():
            await source.aclose()

    async def _principal(self, brought: Presented, request: Request) -> Principal | None:
        token = brought.token
        known = self._cache.get(token)
        if known is None or known.until <= self._now() or not await self._still_signed(token, known):
            if token.count(b".") != 2 and self._opaque_elsewhere:  # noqa: PLR2004  # RFC 7515 section 7.1
                return None
            self.meter.looked_up("tokens", hit=False)
            known = await self._verify(token)
            self._remember(token, known)
        else:
            self.meter.looked_up("tokens", hit=True)
        if not (known.plain and brought.scheme == BEARER):
            await self._binding.check(brought, known.confirmation, request)
        return known.principal

    async def _still_signed(self, token: bytes, known: _Verified) -> bool:
        """Whether the key that signed it is still its issuer's."""
        if known.source.current() is known.keys:
            return True
        keys = await known.source.find(known.kid, known.algorithm)
        if keys is known.keys:
            return True
        entry = keys.find(known.kid, known.algorithm)
        if entry is None or entry.key != known.entry.key:
            with self._lock:
                self._cache.pop(token, None)
            return False
        self._remember(token, replace(known, keys=keys, entry=entry))
        return True

    async def _verify(self, token: bytes) -> _Verified:
        opened = self._verifier.open(token)
        source = self.sources[opened.trust.issuer]
        kid, algorithm = opened.envelope.kid, opened.envelope.algorithm
        keys = await source.find(kid, algorithm)
        claims = self._verifier.verify(opened, keys, self._now())
        entry = keys.find(kid, algorithm)
        if entry is None:
            raise UnknownKeyError(opened.trust.issuer)
        return _Verified(
            principal=self._named(claims, opened),
            confirmation=claims.confirmation,
            until=claims.expires + opened.trust.expected.leeway,
            source=source,
            keys=keys,
            entry=entry,
            kid=kid,
            algorithm=algorithm,
            plain=not claims.confirmation and not self._binding.required,
        )

    def _named(self, claims: Claims, opened: Unverified) -> Principal:
        # Without `jti` what was signed is the token's identity: whoever spells the signature otherwise cannot change it.
        identity = claims.token_id or "sha256:" + hashlib.sha256(opened.envelope.signed).hexdigest()
        return Principal(
            subject=claims.subject,
            issuer=claims.issuer,
            scopes=claims.scopes,
            roles=roles_in(claims.all, self.role_claims.get(claims.issuer, ())),
            client_id=claims.client_id or "",
            credential_id=identity,
            expires=claims.expires,
            authenticator=self.name,
            bound=bool(claims.confirmation),
            claims=MappingProxyType(claims.all),
        )

    def _remember(self, token: bytes, known: _Verified) -> None:
        if len(token) > MAX_CACHED:
            return
        with self._lock:
            if len(self._cache) >= self._size and token not in self._cache:
                for oldest in list(self._cache)[: max(self._size // 16, 1)]:
                    del self._cache[oldest]
            self._cache[token] = known


def roles_in(claims: Mapping[str, Any], path: tuple[str, ...]) -> frozenset[str]:
    """The roles that stand at this path in the claims: none without a path, or where nothing stands there.

    Raises TokenError `token.claim` for anything but a list of texts.
    """
    if not path:
        return frozenset()
    found: Any = claims
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            return frozenset()
        found = found[name]
    if type(found) is not list or len(found) > MAX_SCOPES:
        raise TokenError("token.claim", "the token's roles are no list of texts")
    if not all(type(role) is str and role and role.isprintable() for role in found):
        raise TokenError("token.claim", "the token's roles are no list of texts")
    return frozenset(found)
