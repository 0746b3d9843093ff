"""Private keys, made from the randomness that is given and written as PKCS #8."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from guarita.rotation.interface import Randomness

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
_MARGIN: Final = 8
"""More bytes than the order of a curve has, so that no scalar is noticeably likelier (FIPS 186-5, A.2.1)."""


def make_ec(curve: ec.EllipticCurve, randomness: Randomness) -> ec.EllipticCurvePrivateKey:
    """A key on this curve."""
    order = curve.group_order
    size = (order.bit_length() + 7) // 8
    scalar = int.from_bytes(randomness(size + _MARGIN), "big") % (order - 1) + 1
    return ec.derive_private_key(scalar, curve)


def make_ed25519(randomness: Randomness) -> ed25519.Ed25519PrivateKey:
    """An Ed25519 key."""
    return ed25519.Ed25519PrivateKey.from_private_bytes(randomness(32))


def make_rsa(bits: int) -> rsa.RSAPrivateKey:
    """An RSA key. Its primes are drawn by OpenSSL, which takes no randomness from elsewhere."""
    return rsa.generate_private_key(65537, bits)


def pem(key: PrivateKey) -> str:
    """PKCS #8, as most libraries take it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
