"""Verifying Ed25519 signatures (RFC 8032 section 5.1.7), in integers: slow, short, and enough for checkpoints."""

from __future__ import annotations

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
KEY_SIZE = 32
SIGNATURE_SIZE = 64

Point = tuple[int, int, int, int]
"""Extended coordinates (X, Y, Z, T) of section 5.1.4: x = X/Z, y = Y/Z, x * y = T/Z."""

IDENTITY: Point = (0, 1, 1, 0)


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature is this key's over the message. False for anything malformed."""
    if len(public) != KEY_SIZE or len(signature) != SIGNATURE_SIZE:
        return False
    key = decode(public)
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or scalar >= L:
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    challenge = int.from_bytes(digest, "little") % L
    # S * B = R + k * A, written so that R is compared as it was sent.
    x, y, z, t = key
    negative: Point = (P - x, y, z, P - t)
    return encode(add(multiply(scalar, BASE), multiply(challenge, negative))) == signature[:32]


def add(one: Point, two: Point) -> Point:
    """The sum of two points, by the formulas of section 5.1.4."""
    a = (one[1] - one[0]) * (two[1] - two[0]) % P
    b = (one[1] + one[0]) * (two[1] + two[0]) % P
    c = 2 * one[3] * two[3] * D % P
    d = 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar: int, point: Point) -> Point:
    """The point added to itself that many times."""
    result = IDENTITY
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def encode(point: Point) -> bytes:
    """32 bytes: y, and the sign of x in the highest bit (section 5.1.2)."""
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decode(data: bytes) -> Point | None:
    """The point that 32 bytes stand for (section 5.1.3), or None."""
    number = int.from_bytes(data, "little")
    y, sign = number & (1 << 255) - 1, number >> 255
    x = None if y >= P else square_root((y * y - 1) * pow(D * y * y + 1, -1, P) % P)
    if x is None or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def square_root(square: int) -> int | None:
    """A root modulo P, where there is one."""
    root = pow(square, (P + 3) // 8, P)
    if root * root % P != square:
        root = root * ROOT_OF_MINUS_ONE % P
    return root if root * root % P == square else None


def _base() -> Point:
    y = 4 * pow(5, -1, P) % P
    point = decode(y.to_bytes(32, "little"))
    assert point is not None  # noqa: S101  # RFC 8032 section 5.1 gives this point
    return point


BASE = _base()
