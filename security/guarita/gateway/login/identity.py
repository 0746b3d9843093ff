"""ID tokens and logout tokens: what they must say beyond what every token of this issuer says."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from guarita.gateway.keys.thumbprint import encoded
from guarita.gateway.login.interface import LoginError, Session
from guarita.gateway.tokens.claims import MAX_TEXT, Claims

EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_TERM: Final = 300.0
"""Seconds that a logout token may be old (OpenID Connect Back-Channel Logout 1.0 section 2.4 asks for short ones)."""
_HASHES: Final = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who logged in, as the provider vouches."""

    subject: str
    sid: str
    issued: float
    """`iat`, in seconds since the epoch by the provider's clock."""
    claims: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class LogoutOrder:
    """Whose sessions the provider ends: those of one `sid`, or all of a subject."""

    subject: str
    sid: str
    issued: float
    token_id: str
    expires: float


def bad_id_token(reason: str) -> LoginError:
    """Why the provider's word is not taken."""
    return LoginError("login.id-token", f"the provider's ID token is not acceptable: {reason}")


def bad_logout_token(reason: str) -> LoginError:
    """Why no session is ended."""
    return LoginError("logout.token", f"the logout token is not acceptable: {reason}")


def identity(claims: Claims, client_id: str) -> Identity:
    """What every ID token must say (OpenID Connect Core section 3.1.3.7). Raises LoginError `login.id-token`."""
    if claims.issued is None:
        raise bad_id_token("it does not say when it was issued")
    party = claims.all.get("azp")
    if (party is not None or len(claims.audiences) > 1) and party != client_id:
        raise bad_id_token("it was issued to another client")
    sid = claims.all.get("sid", "")
    if type(sid) is not str or len(sid) > MAX_TEXT or (sid and not sid.isprintable()):
        raise bad_id_token("its sid is no text that names something")
    try:
        msgspec.msgpack.encode(claims.all)
    except OverflowError as error:
        raise bad_id_token("it holds a number that cannot be kept") from error
    return Identity(claims.subject, sid, claims.issued, claims.all)


def must_be_fresh(found: Identity, *, nonce: str, max_age: int | None, leeway: float, now: float) -> None:
    """What the ID token of a login must say besides. Raises LoginError `login.id-token`."""
    said = found.claims.get("nonce")
    if type(said) is not str or not hmac.compare_digest(said.encode(), nonce.encode()):
        raise bad_id_token("it is the answer to another login")
    if max_age is not None:
        at: Any = found.claims.get("auth_time")
        if type(at) not in {int, float} or not -leeway <= now - at <= max_age + leeway:
            raise bad_id_token("the authentication is too old, or it does not say how old it is")


def must_fit(found: Identity, algorithm: str, *, access_token: str, code: str = "") -> None:
    """The hashes in an ID token bind it to what came with it (section 3.1.3.6). Raises LoginError `login.id-token`."""
    for name, value in (("at_hash", access_token), ("c_hash", code)):
        said = found.claims.get(name)
        if said is None or not value:
            continue
        # By the hash of the signature's algorithm; Ed25519 has SHA-512 inside.
        digest = _HASHES.get(algorithm[-3:], hashlib.sha512)(value.encode()).digest()
        wanted = encoded(digest[: len(digest) // 2])
        if type(said) is not str or not hmac.compare_digest(said.encode(), wanted.encode()):
            raise bad_id_token("it came with another token than it says")


def must_be_same(found: Identity, session: Session) -> None:
    """What an ID token must say that came with a renewal (section 12.2). Raises LoginError `login.id-token`."""
    was = session.claims
    same = found.subject == session.subject and all(
        name not in found.claims or found.claims[name] == was.get(name) for name in ("nonce", "auth_time")
    )
    if not same or (found.sid and session.sid and found.sid != session.sid):
        raise bad_id_token("it is about another login")


def logout_order(claims: Claims, said: Mapping[str, Any], now: float, leeway: float) -> LogoutOrder:
    """What a logout token must say (OpenID Connect Back-Channel Logout 1.0 section 2.6).

    `said` are the claims as they came. Raises LoginError `logout.token`.
    """
    if "nonce" in said:
        # Otherwise an ID token could be taken for one.
        raise bad_logout_token("it holds a nonce")
    events = said.get("events")
    if type(events) is not dict or type(events.get(EVENT)) is not dict:
        raise bad_logout_token("it is about no logout")
    sid = said.get("sid", "")
    if type(sid) is not str or len(sid) > MAX_TEXT or (sid and not sid.isprintable()):
        raise bad_logout_token("its sid is no text that names something")
    subject = claims.subject if "sub" in said else ""
    if not sid and not subject:
        raise bad_logout_token("it names neither a session nor a subject")
    if claims.issued is None or claims.token_id is None:
        raise bad_logout_token("its iat or its jti is missing")
    if now - claims.issued > LOGOUT_TERM + leeway:
        raise bad_logout_token("it is too old")
    return LogoutOrder(subject, sid, claims.issued, claims.token_id, claims.expires)
