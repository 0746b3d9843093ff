"""Proofs of ours (RFC 9449 section 4): that a token we hold is used by who holds its key."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from guarita.gateway.keys.thumbprint import encoded, thumbprint
from guarita.gateway.oauth.clientauth import algorithm_of, private_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

_PUBLIC: Final = ("kty", "crv", "x", "y", "n", "e")


class Prover:
    """A key, and the proofs that it makes."""

    def __init__(self, pem: str = "", *, now: Callable[[], float] = time.time) -> None:
        """The key of this PEM; a fresh P-256 one where there is none, which lives as long as the process.

        Raises UsageError `gateway.secret`.
        """
        self._key = private_key(pem) if pem else _fresh()
        self._algorithm = algorithm_of(self._key)
        self._now = now
        self._jwk = self._public()
        self.thumbprint = thumbprint(self._key.public_key())  # type: ignore[arg-type]  # of a kind that verifies
        """`jkt` (RFC 9449 section 6.1)."""

    def __repr__(self) -> str:
        return f"Prover({self.thumbprint})"

    def proof(self, method: str, url: str, *, token: str = "", nonce: str = "") -> str:
        """A proof for one request. `url` is its address; query and fragment are left out."""
        import jwt  # noqa: PLC0415  # only who signs needs it

        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": url.partition("#")[0].partition("?")[0],
            "iat": int(self._now()),
        }
        if token:
            claims["ath"] = encoded(hashlib.sha256(token.encode()).digest())
        if nonce:
            claims["nonce"] = nonce
        header = {"typ": "dpop+jwt", "jwk": self._jwk}
        return jwt.encode(claims, self._key, self._algorithm, headers=header)  # type: ignore[arg-type]  # it is one that signs

    def _public(self) -> dict[str, str]:
        from jwt.algorithms import get_default_algorithms  # noqa: PLC0415

        found = json.loads(get_default_algorithms()[self._algorithm].to_jwk(self._key.public_key()))
        return {name: found[name] for name in _PUBLIC if name in found}


def _fresh() -> PrivateKeyTypes:
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    return ec.generate_private_key(ec.SECP256R1())
