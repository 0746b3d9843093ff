"""Signing keys: made, named by their thumbprint, shown as a JWK, and used once to prove that they work."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from guarita.rotation.interface import Randomness
from guarita.rotation.rotators.keymaking import PrivateKey, make_ec, make_ed25519, make_rsa

RSA_BITS: Final = 3072
_CURVES: Final[Mapping[str, tuple[type[ec.EllipticCurve], str, type[HashAlgorithm], int]]] = {
    "ES256": (ec.SECP256R1, "P-256", SHA256, 32),
    "ES384": (ec.SECP384R1, "P-384", SHA384, 48),
}
"""Curve, its name in a JWK, digest, and bytes of a coordinate (RFC 7518 sections 3.4 and 6.2)."""


def make(algorithm: str, randomness: Randomness) -> PrivateKey:
    """A new key for this algorithm (RFC 7518, RFC 8037)."""
    if algorithm in _CURVES:
        return make_ec(_CURVES[algorithm][0](), randomness)
    if algorithm == "EdDSA":
        return make_ed25519(randomness)
    return make_rsa(RSA_BITS)


def load(text: str, algorithm: str) -> PrivateKey:
    """The key of a PEM. Raises ValueError for one that does not sign by this algorithm."""
    key = load_pem_private_key(text.encode(), password=None)
    if algorithm in _CURVES:
        if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, _CURVES[algorithm][0]):
            return key
    elif algorithm == "EdDSA":
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return key
    elif isinstance(key, rsa.RSAPrivateKey):
        return key
    raise ValueError(f"no key for {algorithm}")


def jwk(key: PrivateKey, kid: str, algorithm: str) -> dict[str, Any]:
    """Its public half (RFC 7517)."""
    return {**_required(key), "kid": kid, "use": "sig", "alg": algorithm}


def thumbprint(key: PrivateKey) -> str:
    """RFC 7638: a name that two keys never share."""
    text = json.dumps(_required(key), sort_keys=True, separators=(",", ":"))
    return encoded(hashlib.sha256(text.encode()).digest())


def token(key: PrivateKey, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """A JWS in compact form (RFC 7515 section 7.1); `alg` of the header says how."""
    body = ".".join(encoded(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return f"{body}.{encoded(_signature(key, body.encode(), str(header['alg'])))}"


def encoded(raw: bytes) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _signature(key: PrivateKey, text: bytes, algorithm: str) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        _, _, digest, size = _CURVES[algorithm]
        r, s = decode_dss_signature(key.sign(text, ec.ECDSA(digest())))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(text)
    if algorithm == "PS256":
        return key.sign(text, padding.PSS(padding.MGF1(SHA256()), SHA256.digest_size), SHA256())
    return key.sign(text, padding.PKCS1v15(), SHA256())


def _required(key: PrivateKey) -> dict[str, str]:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        _, name, _, size = next(row for row in _CURVES.values() if isinstance(key.curve, row[0]))
        numbers = key.public_key().public_numbers()
        x, y = (encoded(number.to_bytes(size, "big")) for number in (numbers.x, numbers.y))
        return {"crv": name, "kty": "EC", "x": x, "y": y}
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return {"crv": "Ed25519", "kty": "OKP", "x": encoded(key.public_key().public_bytes_raw())}
    public = key.public_key().public_numbers()
    n, e = (
        encoded(number.to_bytes((number.bit_length() + 7) // 8, "big")) for number in (public.n, public.e)
    )
    return {"e": e, "kty": "RSA", "n": n}
