"""What a token says, checked: RFC 7519 section 4.1, RFC 9068 section 4 and RFC 8725, without benefit of doubt."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from guarita.gateway.refusal import TokenError

MAX_TEXT: Final = 1_024
"""Characters of one identifier."""
MAX_AUDIENCES: Final = 32
MAX_SCOPES: Final = 512
MAX_DATE: Final = 1e11
"""Seconds since the epoch, in the year 5138: what lies beyond is milliseconds, or an attack."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What one issuer's tokens must say here."""

    issuer: str
    audiences: frozenset[str]
    """Ours: a token must name one of them."""
    leeway: float = 30.0
    """Seconds that clocks may differ."""
    max_lifetime: float = 86_400.0
    """Seconds from `iat` to `exp` at most."""
    profile: bool = True
    """RFC 9068: `iat`, `jti` and `client_id` are required as well."""


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims that decide, with their types certain."""

    issuer: str
    subject: str
    audiences: tuple[str, ...]
    expires: float
    """Seconds since the epoch."""
    issued: float | None
    token_id: str | None
    """`jti`: with the issuer the token's identity, whatever its spelling."""
    client_id: str | None
    scopes: frozenset[str]
    confirmation: Mapping[str, str]
    """`cnf` (RFC 7800): the key that the sender must prove; empty for a bearer token."""
    all: Mapping[str, Any]


def check(claims: dict[str, Any], expected: Expectation, now: float) -> Claims:
    """The claims, when they are all that is expected at `now` (seconds since the epoch).

    Raises TokenError: `token.claim` for one that is missing or of the wrong type, `token.issuer`,
    `token.audience`, `token.expired`, `token.not-yet`, `token.lifetime`.
    """
    issuer = _text(claims, "iss", required=True)
    if issuer != expected.issuer:
        raise TokenError("token.issuer", "the token is of another issuer")
    audiences = _audiences(claims)
    if expected.audiences.isdisjoint(audiences):
        raise TokenError("token.audience", "the token is for another audience")
    expires, issued = _times(claims, expected, now)
    return Claims(
        issuer=issuer,
        subject=_text(claims, "sub", required=True),
        audiences=audiences,
        expires=expires,
        issued=issued,
        token_id=_text(claims, "jti", required=expected.profile) or None,
        client_id=_text(claims, "client_id", required=expected.profile) or None,
        scopes=_scopes(claims),
        confirmation=_confirmation(claims),
        all=claims,
    )


def _text(claims: dict[str, Any], name: str, *, required: bool = False) -> str:
    """The claim, or an empty text where it is missing and may be."""
    value = claims.get(name)
    if value is None and name not in claims and not required:
        return ""
    # An empty text names nobody, and one with control characters is two texts to two readers.
    if type(value) is not str or not 0 < len(value) <= MAX_TEXT or not value.isprintable():
        raise TokenError("token.claim", f"the token's {name} is missing, or is no text that names something")
    return value


def _audiences(claims: dict[str, Any]) -> tuple[str, ...]:
    value = claims.get("aud")
    found = [value] if type(value) is str else value
    if type(found) is not list or not 0 < len(found) <= MAX_AUDIENCES:
        raise TokenError("token.claim", "the token's aud is missing, or is no text or list of texts")
    if not all(type(item) is str and item for item in found):
        raise TokenError("token.claim", "the token's aud holds something that is no text")
    return tuple(found)


def _times(claims: dict[str, Any], expected: Expectation, now: float) -> tuple[float, float | None]:
    expires = _date(claims, "exp", required=True)
    issued = _date(claims, "iat", required=expected.profile)
    begins = _date(claims, "nbf")
    if expires is None or now >= expires + expected.leeway:
        raise TokenError("token.expired", "the token has expired")
    if begins is not None and now < begins - expected.leeway:
        raise TokenError("token.not-yet", "the token is not valid yet")
    if issued is not None and now < issued - expected.leeway:
        raise TokenError("token.not-yet", "the token was issued in the future")
    start = now if issued is None else issued
    if expires - start > expected.max_lifetime + (expected.leeway if issued is None else 0):
        raise TokenError("token.lifetime", f"the token lives longer than {expected.max_lifetime:.0f} seconds")
    return expires, issued


def _date(claims: dict[str, Any], name: str, *, required: bool = False) -> float | None:
    """A NumericDate (RFC 7519 section 2): a number, and neither a text nor true."""
    value = claims.get(name)
    if value is None and name not in claims and not required:
        return None
    if type(value) not in {int, float} or not math.isfinite(value) or not 0 <= value < MAX_DATE:  # type: ignore[arg-type, operator]
        raise TokenError("token.claim", f"the token's {name} is missing, or is no time")
    return float(value)  # type: ignore[arg-type]


def _scopes(claims: dict[str, Any]) -> frozenset[str]:
    """`scope` as RFC 8693 section 4.2 has it: one text, parted by single spaces."""
    if "scope" not in claims:
        return frozenset()
    value = claims["scope"]
    if type(value) is not str or (value and not value.isprintable()):
        raise TokenError("token.claim", "the token's scope is no text")
    scopes = frozenset(value.split(" ")) - {""}
    if len(scopes) > MAX_SCOPES:
        raise TokenError("token.claim", "the token has too many scopes")
    return scopes


def _confirmation(claims: dict[str, Any]) -> Mapping[str, str]:
    if "cnf" not in claims:
        return {}
    value = claims["cnf"]
    if type(value) is not dict or not value or not all(type(v) is str and v for v in value.values()):
        # Bound in a way that we do not know is bound all the same: it must not pass as a bearer token.
        raise TokenError("token.confirmation", "the token is bound to a key in a way not understood here")
    return value
