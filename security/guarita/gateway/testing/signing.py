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
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

_HANDS: Final[dict[str, Any]] = {
    "RS256": RSAAlgorithm(RSAAlgorithm.SHA256),
    "ES256": ECAlgorithm(ECAlgorithm.SHA256),
    "EdDSA": OKPAlgorithm(),
}


@dataclass(frozen=True)
class SigningKey:
    """A private key with its name."""

    algorithm: str
    kid: str
    private: Any = field(repr=False)

    @classmethod
    def new(cls, algorithm: str = "ES256", kid: str = "key-1") -> Self:
        """A fresh key for RS256, ES256 or EdDSA."""
        make = {
            "RS256": lambda: rsa.generate_private_key(65537, 2048),
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate,
        }
        return cls(algorithm, kid, make[algorithm]())

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
        signed = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
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
