"""The controller's hybrid encryption: a session key by RSA-OAEP-SHA256, the value by AES-256-GCM.

As in pkg/crypto/crypto.go of bitnami-labs/sealed-secrets: two bytes with the length of the RSA ciphertext
(big-endian), that ciphertext, then AES-GCM's with its tag. The nonce is zero, since a session key is used
once.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

_SESSION_KEY: Final = 32
_NONCE: Final = bytes(12)
_LENGTH: Final = 2
_TAG: Final = 16


class OtherKeyError(ValueError):
    """Not sealed for this key and label. Which of the two it is, OAEP does not tell."""


class DamagedError(ValueError):
    """Cut off or changed: no key opens it."""


def seal(
    key: rsa.RSAPublicKey, value: bytes, label: bytes, random: Callable[[int], bytes] = secrets.token_bytes
) -> bytes:
    """Encrypt a value for the holder of the private key; it opens under the same label only."""
    session = random(_SESSION_KEY)
    wrapped = key.encrypt(session, _oaep(label))
    return len(wrapped).to_bytes(_LENGTH, "big") + wrapped + AESGCM(session).encrypt(_NONCE, value, None)


def unseal(key: rsa.RSAPrivateKey, sealed: bytes, label: bytes) -> bytes:
    """Decrypt what `seal` made. Raises OtherKeyError, DamagedError."""
    length = int.from_bytes(sealed[:_LENGTH], "big")
    wrapped, encrypted = sealed[_LENGTH : _LENGTH + length], sealed[_LENGTH + length :]
    if not length or len(encrypted) < _TAG:
        raise DamagedError("shorter than a sealed value can be")
    try:
        session = key.decrypt(wrapped, _oaep(label))
    except ValueError:
        raise OtherKeyError("not sealed for this key and label") from None
    if len(session) != _SESSION_KEY:
        raise DamagedError("its session key is none")
    try:
        return AESGCM(session).decrypt(_NONCE, encrypted, None)
    except InvalidTag:
        raise DamagedError("its value was changed after it was sealed") from None


def _oaep(label: bytes) -> padding.OAEP:
    return padding.OAEP(mgf=padding.MGF1(SHA256()), algorithm=SHA256(), label=label)
