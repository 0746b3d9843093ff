"""What leaves this process sealed: sessions at rest, and what a browser carries for us."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MIN_SECRET: Final = 32
"""Bytes."""
_VERSION: Final = b"\x01"
_SALT, _NONCE, _TAG = 16, 12, 16


class Sealer:
    """AES-256-GCM under a key of its own for each seal, so that no number of seals wears the secret out."""

    def __init__(self, secret_keys: Sequence[bytes]) -> None:
        """The first secret seals, every one opens. Raises ValueError for one of less than 32 bytes, or none."""
        if not secret_keys or min(map(len, secret_keys)) < MIN_SECRET:
            raise ValueError(f"a secret that seals has at least {MIN_SECRET} bytes")
        self._roots = [hashlib.sha256(b"guarita login " + secret).digest() for secret in secret_keys]

    def __repr__(self) -> str:
        return "Sealer()"

    def seal(self, purpose: bytes, plain: bytes, bound_to: bytes = b"") -> bytes:
        """Seal for one purpose, and for what it is bound to: neither is in it, and both are needed to open it."""
        salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
        key = _derived(self._roots[0], purpose, salt)
        return _VERSION + salt + nonce + AESGCM(key).encrypt(nonce, plain, bound_to)

    def open(self, purpose: bytes, sealed: bytes, bound_to: bytes = b"") -> bytes | None:
        """What was sealed, or None where it was not, or was changed, or for something else."""
        if len(sealed) < 1 + _SALT + _NONCE + _TAG or not sealed.startswith(_VERSION):
            return None
        salt, nonce, rest = sealed[1 : 1 + _SALT], sealed[1 + _SALT :][:_NONCE], sealed[1 + _SALT + _NONCE :]
        for root in self._roots:
            try:
                return AESGCM(_derived(root, purpose, salt)).decrypt(nonce, rest, bound_to)
            except InvalidTag:
                continue
        return None

    def names(self, *parts: str) -> list[bytes]:
        """A name that shows nothing of its parts, under each secret; new ones are kept under the first."""
        whole = b"".join(len(raw).to_bytes(4) + raw for raw in (part.encode() for part in parts))
        return [hmac.digest(root, b"name " + whole, hashlib.sha256) for root in self._roots]


def _derived(root: bytes, purpose: bytes, salt: bytes) -> bytes:
    """A key for one seal: HKDF's expand step (RFC 5869 section 2.3), with one block."""
    return hmac.digest(root, b"seal " + purpose + b"\x00" + salt + b"\x01", hashlib.sha256)
