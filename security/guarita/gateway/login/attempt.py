"""A login under way: in the browser and at the provider, and not with us, so that nobody can fill our memory with them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import Final

import msgspec

from guarita.gateway.keys.thumbprint import encoded
from guarita.gateway.login.interface import LoginError
from guarita.gateway.login.sealing import Sealer

TERM: Final = 600.0
"""Seconds that somebody may take to log in."""
MAX_TARGET: Final = 1_024
"""Characters of where a login leads back to; what is longer leads to the beginning."""
MAX_STATE: Final = 8_192
_FUTURE: Final = 60.0
"""Seconds by which clocks of our processes differ."""
_STATE: Final = re.compile(r"[A-Za-z0-9_-]+")
_TARGET: Final = re.compile(rb"/(?![/\\])[\x21-\x7e]*")
_PURPOSE: Final = b"state"


class _Sealed(msgspec.Struct, array_like=True):
    seed: bytes
    target: str
    made: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """What `nonce` and `code_verifier` come from, and where the login leads back to."""

    seed: bytes = field(repr=False)
    target: str
    made: float

    @property
    def nonce(self) -> str:
        """For the ID token (OpenID Connect Core section 3.1.2.1)."""
        return self._made(b"nonce")

    @property
    def verifier(self) -> str:
        """For the code (RFC 7636 section 4.1): 43 characters, 256 bits."""
        return self._made(b"verifier")

    @property
    def identity(self) -> bytes:
        """By which it is remembered that it was used."""
        return hmac.digest(self.seed, b"identity", hashlib.sha256)

    def _made(self, use: bytes) -> str:
        return encoded(hmac.digest(self.seed, use, hashlib.sha256))


def begin(target: str, now: float) -> Attempt:
    """A new one."""
    return Attempt(secrets.token_bytes(32), target, now)


def sealed(attempt: Attempt, browser: str, sealer: Sealer) -> str:
    """`state` (RFC 6749 section 4.1.1): opens here alone, and for this browser alone (section 10.12)."""
    plain = msgspec.msgpack.encode(_Sealed(attempt.seed, attempt.target, attempt.made))
    return encoded(sealer.seal(_PURPOSE, plain, browser.encode()))


def opened(state: str, browser: str, sealer: Sealer, now: float) -> Attempt:
    """The login that a `state` stands for.

    Raises LoginError `login.state` for one of another browser's, or not of ours; `login.expired`.
    """
    plain = None
    if browser and len(state) <= MAX_STATE and _STATE.fullmatch(state) and len(state) % 4 != 1:
        raw = base64.urlsafe_b64decode(state + "=" * (-len(state) % 4))
        plain = sealer.open(_PURPOSE, raw, browser.encode()) if encoded(raw) == state else None
    if plain is None:
        raise LoginError("login.state", "this login was not begun in this browser")
    held = msgspec.msgpack.decode(plain, type=_Sealed)
    if not -_FUTURE <= now - held.made <= TERM:
        raise LoginError("login.expired", f"the login took longer than {TERM:.0f} seconds")
    return Attempt(held.seed, held.target, held.made)


def target_in(query: bytes) -> str:
    """Where a login leads back to: all that follows `return=`, as it stands, since it may have a query of its own.

    It is a path of ours, or nothing: whoever sends the browser there puts our own address in front of it. Raises
    LoginError `login.return`.
    """
    name, sign, target = query.partition(b"=")
    if not query or len(target) > MAX_TARGET:
        return "/"
    if name != b"return" or not sign or not _TARGET.fullmatch(target) or b"#" in target:
        raise LoginError("login.return", "a login leads back to a path of this site and nowhere else")
    return target.decode("ascii")
