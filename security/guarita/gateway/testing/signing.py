"""Keys that sign what tests send: tokens and DPoP proofs."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from guarita.gateway.tokens.algorithms import ALGORITHMS

_HANDS: Final[dict[str, Any]] = {name: one.implementation for name, one in ALGORITHMS.items()}
_CURVES: Final[dict[str, type[Any]]] = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}


@dataclass(frozen=True)
class SigningKey:
    """A private key with its name."""

    algorithm: str
    kid: str
    private: Any = field(repr=False)

    @classmethod
    def new(cls, algorithm: str = "ES256", kid: str = "key-1") -> Self:
        """A fresh key for one of `guarita.gateway.tokens.algorithms.ALGORITHMS`."""
        if algorithm in _CURVES:
            return cls(algorithm, kid, ec.generate_private_key(_CURVES[algorithm]()))
        if algorithm.startswith("Ed"):
            return cls(algorithm, kid, ed25519.Ed25519PrivateKey.generate())
        return cls(algorithm, kid, rsa.generate_private_key(65537, 2048))

    def public(self, **members: Any) -> dict[str, Any]:
        """Its JWK (RFC 7517), as an issuer publishes it."""
        return {**self.jwk(), "use": "sig", "kid": self.kid, "alg": self.algorithm, **members}

    def jwk(self) -> dict[str, Any]:
        """Its JWK with nothing but the key."""
        found: dict[str, Any] = json.loads(_HANDS[self.algorithm].to_jwk(self.private.public_key()))
        return {name: found[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in found}

    @property
    def thumbprint(self) -> str:
        """RFC 7638 section 3."""
        return b64(
            hashlib.sha256(json.dumps(self.jwk(), sort_keys=True, separators=(",", ":")).encode()).digest()
        )

    def sign(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
        """A JWS in compact serialization (RFC 7515 section 7.1)."""
        return self.sign_bytes(json.dumps(header).encode(), json.dumps(claims).encode())

    def sign_bytes(self, header: bytes, payload: bytes) -> str:
        """A JWS of exactly these bytes."""
        signed = f"{b64(header)}.{b64(payload)}"
        return f"{signed}.{b64(_HANDS[self.algorithm].sign(signed.encode(), self.private))}"

    def proof(self, method: str, url: str, token: str | None = None, **changes: Any) -> str:
        """A DPoP proof (RFC 9449 section 4.2); `...` leaves a claim out, `header` changes the header."""
        header = {"typ": "dpop+jwt", "alg": self.algorithm, "jwk": self.jwk()} | changes.pop("header", {})
        claims = {"jti": secrets.token_hex(12), "htm": method, "htu": url, "iat": int(time.time())}
        if token is not None:
            claims["ath"] = b64(hashlib.sha256(token.encode()).digest())
        head, said = (
            {name: value for name, value in part.items() if value is not ...}
            for part in (header, claims | changes)
        )
        return self.sign(head, said)


def b64(raw: bytes) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def encode(content: Any) -> bytes:
    """JSON, packed."""
    return gzip.compress(json.dumps(content).encode())
