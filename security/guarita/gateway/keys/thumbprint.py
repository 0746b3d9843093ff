"""A key's thumbprint (RFC 7638), computed from the key and not from how somebody wrote it down."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from guarita.gateway.tokens.algorithms import PublicKey

_REQUIRED: Final = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
"""RFC 7638 section 3.2 and RFC 8037 section 2, in the order of their hash input."""


def thumbprint(key: PublicKey) -> str:
    """`jkt` of RFC 9449 section 6.1: SHA-256 in base64url."""
    if isinstance(key, rsa.RSAPublicKey):
        member: dict[str, Any] = RSAAlgorithm.to_jwk(key, as_dict=True)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        member = ECAlgorithm.to_jwk(key, as_dict=True)
    else:
        member = OKPAlgorithm.to_jwk(key, as_dict=True)
    wanted = {name: member[name] for name in _REQUIRED[member["kty"]]}
    return encoded(hashlib.sha256(json.dumps(wanted, separators=(",", ":")).encode()).digest())


def encoded(digest: bytes) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
