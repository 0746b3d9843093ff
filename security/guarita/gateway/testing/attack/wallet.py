"""Credentials for whomever an attack needs: tokens of the issuers that the application trusts, and API keys.

A gateway that is found in the application is made to take keys of ours: its issuers are asked for nothing, its store of
API keys is another, and its ledger is told nothing. It decides as before.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from guarita.errors import UsageError
from guarita.gateway.apikeys import manage
from guarita.gateway.apikeys.authenticator import ISSUER, ApiKeyAuthenticator
from guarita.gateway.apikeys.hashing import Pepper, Peppers
from guarita.gateway.apikeys.sqlite import SqliteKeyStore
from guarita.gateway.core import Gateway, Silent
from guarita.gateway.interface import Authenticator
from guarita.gateway.keys import parse_key_set
from guarita.gateway.login.authenticator import SessionAuthenticator
from guarita.gateway.login.cookies import SESSION
from guarita.gateway.login.identity import Identity
from guarita.gateway.login.memory import MemorySessionStore
from guarita.gateway.login.sealing import Sealer
from guarita.gateway.login.sessions import Sessions
from guarita.gateway.oauth.clientauth import Client
from guarita.gateway.oauth.introspection import IntrospectionAuthenticator
from guarita.gateway.oauth.tokenendpoint import Issued
from guarita.gateway.outbound import Outbound
from guarita.gateway.testing.attack.gateways import gateways
from guarita.gateway.testing.attack.interface import Header, Holder, Sent, Target
from guarita.gateway.testing.attack.principals import placed
from guarita.gateway.testing.issuer import LocalIssuer
from guarita.gateway.testing.signing import SigningKey
from guarita.gateway.tokens.authenticator import JwtAuthenticator
from guarita.gateway.tokens.verifier import Trust
from guarita.policy.access import PrincipalData

TERM: Final = 300
"""Seconds that a token of ours lives."""
_WITHOUT_TYPE: Final = ""
_ANY: Final = Target("GET", "/", {}, Sent("GET", "/"), guarded=True)
"""What a credential is for that is bound to no request."""


@dataclass(frozen=True)
class Mint:
    """Makes tokens as one issuer does."""

    issuer: str
    audience: str
    key: SigningKey = field(repr=False)
    types: frozenset[str] = frozenset({"at+jwt"})
    """Those that the application takes for an access token's."""
    role_path: tuple[str, ...] = ()
    proof: SigningKey | None = field(default=None, repr=False)
    """The key that tokens are bound to (RFC 9449), where the application asks for that."""

    @classmethod
    def of(cls, trust: Trust, role_path: tuple[str, ...], *, bound: bool) -> Mint:
        """As the issuer that a gateway trusts so far."""
        algorithm = min(trust.algorithms, key=lambda name: (not name.startswith(("ES", "Ed")), name))
        proof = SigningKey.new("ES256", "proof") if bound else None
        audience = min(trust.expected.audiences)
        return cls(trust.issuer, audience, SigningKey.new(algorithm), trust.types, role_path, proof)

    def header(self) -> dict[str, Any]:
        """A right token's."""
        kind = "at+jwt" if "at+jwt" in self.types else min(self.types)
        typed = {} if kind == _WITHOUT_TYPE else {"typ": kind}
        return {"alg": self.key.algorithm, **typed, "kid": self.key.kid}

    def claims(self, principal: PrincipalData) -> dict[str, Any]:
        """A right token's, for this principal."""
        now = int(time.time())
        claims: dict[str, Any] = {
            **principal.claims, "iss": self.issuer, "aud": self.audience, "sub": principal.subject,
            "client_id": "guarita-attack", "jti": secrets.token_hex(8), "iat": now, "exp": now + TERM,
        }  # fmt: skip
        if principal.scopes:
            claims["scope"] = " ".join(sorted(principal.scopes))
        if principal.roles and self.role_path:
            claims = placed(claims, self.role_path, sorted(principal.roles))
        if self.proof is not None:
            claims["cnf"] = {"jkt": self.proof.thumbprint}
        return claims

    def token(
        self, principal: PrincipalData, *, header: Mapping[str, Any] | None = None, **changes: Any
    ) -> str:
        """A token; `...` leaves a claim or a member of the header out."""
        return self.key.sign(_with(self.header(), header or {}), _with(self.claims(principal), changes))


@dataclass(frozen=True)
class KeyMint:
    """Makes API keys that the application takes."""

    store: SqliteKeyStore
    peppers: Peppers
    environments: tuple[str, ...]
    header: str

    def key(
        self, principal: PrincipalData, *, environment: str = "", expires: float = TERM, revoked: bool = False
    ) -> str:
        """An API key; `expires` in seconds from now."""
        now = time.time()
        made, _ = manage.create(
            self.store, self.peppers, name="guarita-attack", subject=principal.subject,
            environment=environment or self.environments[0], created=now - TERM, expires=now + expires,
            scopes=principal.scopes, roles=principal.roles,
        )  # fmt: skip
        if revoked:
            self.store.revoke(made.key_id, now)
        return made.text


@dataclass(frozen=True)
class OpaqueMint:
    """Makes tokens that say nothing by themselves, at an issuer of ours that the application asks about them."""

    issuer: str
    audience: str
    house: LocalIssuer = field(repr=False)
    role_path: tuple[str, ...] = ()

    def token(self, principal: PrincipalData, **changes: Any) -> str:
        """A token; `changes` are to what the issuer says of it, and `...` leaves a claim out."""
        said: dict[str, Any] = {
            **principal.claims,
            "iss": self.issuer,
            "aud": self.audience,
            "sub": principal.subject,
        }
        if principal.scopes:
            said["scope"] = " ".join(sorted(principal.scopes))
        if principal.roles and self.role_path:
            said = placed(said, self.role_path, sorted(principal.roles))
        return self.house.opaque_token(**{**said, **changes})


@dataclass(frozen=True)
class SessionMint:
    """Begins sessions as a login would."""

    sessions: Sessions
    origin: str
    role_path: tuple[str, ...] = ()

    def headers(self, principal: PrincipalData) -> tuple[Header, ...]:
        """The cookie of a new session, and the origin of a page of the application's own."""
        now = time.time()
        claims: dict[str, Any] = {**principal.claims, "iat": int(now)}
        if principal.roles and self.role_path:
            claims = placed(claims, self.role_path, sorted(principal.roles))
        issued = Issued("", "Bearer", now + TERM, principal.scopes)
        value, _ = asyncio.run(self.sessions.begin(issued, Identity(principal.subject, "", now, claims)))
        return ("cookie", f"{SESSION}={value}"), ("origin", self.origin)


@dataclass
class Wallet:
    """All credentials that can be had."""

    evil: LocalIssuer
    """An issuer that nobody trusts, over HTTP: whoever asks it for anything has fallen for something."""
    mints: dict[str, Mint] = field(default_factory=dict)
    opaque: OpaqueMint | None = None
    sessions: SessionMint | None = None
    keys: KeyMint | None = None

    @property
    def issuers(self) -> frozenset[str]:
        """Whose principals can be had."""
        found = {*self.mints}
        if self.opaque is not None:
            found.add(self.opaque.issuer)
        if self.sessions is not None:
            found.add(self.sessions.sessions.issuer)
        if self.keys is not None:
            found.add(ISSUER)
        return frozenset(found)

    def mint(self, principal: PrincipalData) -> Mint | None:
        """Who issues this principal's tokens."""
        if principal.issuer:
            return self.mints.get(principal.issuer)
        return next(iter(self.mints.values()), None)

    def headers(self, holder: Holder, target: Target) -> tuple[Header, ...]:
        """What he sends to be let through. Nothing where he has no credential that can be had."""
        if holder.given:
            return holder.given
        mint = self.mint(holder.principal)
        if mint is not None:
            return bearing(mint, mint.token(holder.principal), target)
        who = holder.principal
        if self.opaque is not None and who.issuer in {"", self.opaque.issuer}:
            return (("authorization", f"Bearer {self.opaque.token(who)}"),)
        if self.keys is not None and who.issuer in {"", ISSUER}:
            return ((self.keys.header, self.keys.key(who)),)
        return self.session(who)

    def session(self, principal: PrincipalData) -> tuple[Header, ...]:
        """The cookie of a session of his. Nothing where there are none, or not of his issuer."""
        if self.sessions is None or principal.issuer not in {"", self.sessions.sessions.issuer}:
            return ()
        return self.sessions.headers(principal)

    def close(self) -> None:
        """Let go of everything."""
        if self.keys is not None:
            self.keys.store.close()
        if self.opaque is not None:
            self.opaque.house.close()
        self.evil.close()


def bearing(mint: Mint, token: str, target: Target) -> tuple[Header, ...]:
    """The headers that bring a token, with a proof where it is bound."""
    if mint.proof is None:
        return (("authorization", f"Bearer {token}"),)
    proof = mint.proof.proof(target.method, f"http://testserver{target.path}", token)
    return ("authorization", f"DPoP {token}"), ("dpop", proof)


def adopt(gateway: Gateway, wallet: Wallet, folder: Path) -> None:
    """Make a gateway take what this wallet makes, and tell no ledger. `folder` is for files of ours."""
    gateway.reporter = Silent()
    kept: list[Authenticator] = []
    for authenticator in gateway.authenticators:
        if isinstance(authenticator, JwtAuthenticator):
            _pin(authenticator, wallet)
            kept.append(authenticator)
        elif isinstance(authenticator, ApiKeyAuthenticator):
            if wallet.keys is None:
                store = SqliteKeyStore(folder / "keys.db", timeout=5, create=True)
                peppers = Peppers([Pepper(secrets.token_bytes(32))])
                wallet.keys = KeyMint(store, peppers, authenticator.environments, authenticator.header)
            kept.append(
                ApiKeyAuthenticator(
                    wallet.keys.store,
                    wallet.keys.peppers,
                    environments=authenticator.environments,
                    header=authenticator.header,
                    cache_seconds=0,
                )
            )
        elif isinstance(authenticator, IntrospectionAuthenticator):
            kept.append(_asking_us(authenticator, wallet))
        elif isinstance(authenticator, SessionAuthenticator):
            sessions = authenticator.sessions.elsewhere(
                MemorySessionStore(idle=3_600), Sealer([secrets.token_bytes(32)])
            )
            wallet.sessions = SessionMint(sessions, min(authenticator.origins), authenticator.role_claim)
            kept.append(
                SessionAuthenticator(
                    sessions, origins=authenticator.origins, role_claim=authenticator.role_claim
                )
            )
        else:
            kept.append(authenticator)
    gateway.replace_authenticators(kept)


def _asking_us(authenticator: IntrospectionAuthenticator, wallet: Wallet) -> IntrospectionAuthenticator:
    if wallet.opaque is None:
        house = LocalIssuer().__enter__()
        expected = authenticator.expected
        wallet.opaque = OpaqueMint(expected.issuer, min(expected.audiences), house, authenticator.role_claim)
    house = wallet.opaque.house
    name, secret = house.client
    client = Client(name, lambda: secret)
    return authenticator.elsewhere(house.introspection_endpoint, client, Outbound(insecure_loopback=True))


@contextlib.contextmanager
def opened(app: Any, folder: Path) -> Iterator[Callable[[str, Mapping[str, Any]], dict[str, str]]]:
    """An application that takes credentials of ours; gives what makes them for a principal."""
    with LocalIssuer() as evil:
        wallet = Wallet(evil)
        found = gateways(app)
        before = [(gateway, gateway.authenticators, gateway.reporter) for gateway in found]
        for gateway in found:
            adopt(gateway, wallet, folder)

        def headers(subject: str, said: Mapping[str, Any]) -> dict[str, str]:
            principal = msgspec.convert({"subject": subject, **said}, PrincipalData)
            made = wallet.headers(Holder(subject, principal), _ANY)
            if not made:
                raise UsageError(
                    "testing.credentials", f"no gateway of this application takes a credential of {said}"
                )
            return dict(made)

        try:
            yield headers
        finally:
            for gateway, authenticators, reporter in before:
                gateway.replace_authenticators(authenticators)
                for authenticator in authenticators:
                    if isinstance(authenticator, JwtAuthenticator):
                        for source in authenticator.sources.values():
                            source.unpin()
                gateway.reporter = reporter
            wallet.close()


def _pin(authenticator: JwtAuthenticator, wallet: Wallet) -> None:
    for issuer, trust in authenticator.trusts.items():
        mint = wallet.mints.get(issuer)
        if mint is None:
            bound = authenticator.binding.required and authenticator.binding.proofs is not None
            mint = wallet.mints[issuer] = Mint.of(
                trust, authenticator.role_claims.get(issuer, ()), bound=bound
            )
        published = json.dumps({"keys": [mint.key.public()]}).encode()
        authenticator.sources[issuer].pin(parse_key_set(published, trust.algorithms))


def _with(members: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (members | dict(changes)).items() if value is not ...}
