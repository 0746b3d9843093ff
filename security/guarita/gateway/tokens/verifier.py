"""From a spelling of a token to its claims: envelope, issuer, algorithm, key, signature, claims, in this order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from guarita.gateway.keys.jwks import KeySet
from guarita.gateway.refusal import TokenError
from guarita.gateway.tokens.algorithms import ALGORITHMS, DEFAULT_ALGORITHMS
from guarita.gateway.tokens.claims import Claims, Expectation, check
from guarita.gateway.tokens.envelope import Envelope, open_envelope


@dataclass(frozen=True, slots=True)
class Trust:
    """One issuer, and how far it is trusted."""

    expected: Expectation
    algorithms: frozenset[str] = frozenset(DEFAULT_ALGORITHMS)
    types: frozenset[str] = frozenset({"at+jwt"})
    """Values of `typ` that are an access token (RFC 9068 section 2.1); add `jwt` for issuers that say only that."""

    @property
    def issuer(self) -> str:
        """The issuer's identifier."""
        return self.expected.issuer


class UnknownKeyError(TokenError):
    """The token names a key that its issuer's set does not hold: the set may be older than the key."""

    def __init__(self, issuer: str) -> None:
        super().__init__("token.unknown-key", "the token is signed by a key that its issuer does not publish")
        self.issuer = issuer


@dataclass(frozen=True, slots=True)
class Unverified:
    """A token whose issuer is known, and nothing else. Only `verify` makes something of it."""

    trust: Trust
    envelope: Envelope
    claims: dict[str, object] = field(repr=False)


class Verifier:
    """Verifies tokens of a few issuers. It holds no keys: they are given, so that it never waits."""

    def __init__(self, trusts: Iterable[Trust]) -> None:
        self.trusts: Mapping[str, Trust] = MappingProxyType({trust.issuer: trust for trust in trusts})

    def open(self, token: bytes) -> Unverified:
        """Take a token apart as far as its issuer, so that its keys can be found.

        Raises TokenError: as `open_envelope`, `token.payload`, `token.issuer`, `token.type`,
        `token.algorithm`.
        """
        envelope = open_envelope(token)
        claims = envelope.claims()
        issuer = claims.get("iss")
        trust = self.trusts.get(issuer) if type(issuer) is str else None
        if trust is None:
            raise TokenError("token.issuer", "the token is of an issuer that is not trusted here")
        if envelope.type not in trust.types:
            raise TokenError("token.type", "the token is no access token, by its type")
        if envelope.algorithm not in trust.algorithms or envelope.algorithm not in ALGORITHMS:
            raise TokenError("token.algorithm", "the token is signed by an algorithm that is not allowed")
        return Unverified(trust, envelope, claims)

    @staticmethod
    def verify(opened: Unverified, keys: KeySet, now: float) -> Claims:
        """The claims, after the signature and each of them was checked at `now` (seconds since the epoch).

        Raises UnknownKeyError, TokenError `token.signature`, and as `claims.check`.
        """
        envelope = opened.envelope
        entry = keys.find(envelope.kid, envelope.algorithm)
        if entry is None:
            raise UnknownKeyError(opened.trust.issuer)
        if not ALGORITHMS[envelope.algorithm].verify(envelope.signed, entry.key, envelope.signature):
            raise TokenError("token.signature", "the token's signature is not its issuer's")
        return check(opened.claims, opened.trust.expected, now)
