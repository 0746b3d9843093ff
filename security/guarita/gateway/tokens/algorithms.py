"""Signature algorithms: which there are, which keys each takes, and PyJWT's hands on the signature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm, RSAAlgorithm, RSAPSSAlgorithm

MIN_RSA: Final = 2048
"""Bits (RFC 7518 section 3.3)."""
MAX_RSA: Final = 8192
"""Bits: a larger one is an attack on our time."""
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class SignatureAlgorithm:
    """One algorithm, bound to one kind of key, so that no key is used in another's way."""

    name: str
    accepts: Callable[[PublicKey], bool]
    implementation: Algorithm
    signature_size: int | None
    """Bytes; None where it is the key's own."""

    def verify(self, signed: bytes, key: PublicKey, signature: bytes) -> bool:
        """Whether the signature is the key's. A key of another kind gives False."""
        if not self.accepts(key) or (self.signature_size not in {None, len(signature)}):
            return False
        return bool(self.implementation.verify(signed, key, signature))


def _rsa(key: PublicKey) -> bool:
    return isinstance(key, rsa.RSAPublicKey) and MIN_RSA <= key.key_size <= MAX_RSA


def _curve(name: str) -> Callable[[PublicKey], bool]:
    return lambda key: isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == name


def _edwards(key: PublicKey) -> bool:
    return isinstance(key, ed25519.Ed25519PublicKey)


def _all() -> dict[str, SignatureAlgorithm]:
    made: list[tuple[str, Any, Algorithm, int | None]] = [
        ("EdDSA", _edwards, OKPAlgorithm(), 64),
        ("Ed25519", _edwards, OKPAlgorithm(), 64),
    ]
    for bits, curve, size in ((256, "secp256r1", 64), (384, "secp384r1", 96), (512, "secp521r1", 132)):
        digest = getattr(RSAAlgorithm, f"SHA{bits}")
        made += [
            (f"RS{bits}", _rsa, RSAAlgorithm(digest), None),
            (f"PS{bits}", _rsa, RSAPSSAlgorithm(digest), None),
            (f"ES{bits}", _curve(curve), ECAlgorithm(getattr(ECAlgorithm, f"SHA{bits}")), size),
        ]
    return {name: SignatureAlgorithm(name, accepts, how, size) for name, accepts, how, size in made}


ALGORITHMS: Final = _all()
"""By the names of RFC 7518 section 3.1, RFC 8037 and RFC 9864. No symmetric one, and never `none`: who verifies
by a shared secret can mint."""
DEFAULT_ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
