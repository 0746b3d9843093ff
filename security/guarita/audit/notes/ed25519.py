"""Ed25519 keys of notes, in the two spellings that the C2SP tools read.

A public key is a *vkey*, `NAME+ID+BASE64`; a private one `PRIVATE+KEY+NAME+ID+BASE64`, as golang.org/x/mod/sumdb/note
writes them: the ID is in hex, BASE64 holds the signature type (1) and the key or its seed (RFC 8032).
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from guarita.audit.notes.note import KEY_ID_SIZE, is_key_name, strict_base64
from guarita.errors import UsageError

ED25519: Final = b"\x01"
KEY_SIZE: Final = 32
_PRIVATE: Final = "PRIVATE+KEY+"
_HEX: Final = 16


def key_id(name: str, public: bytes, kind: bytes = ED25519) -> bytes:
    """SHA-256(name || 0x0A || signature type || public key)[:4]."""
    return hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:KEY_ID_SIZE]


class VerifyingKey(msgspec.Struct, frozen=True):
    """An Ed25519 public key with its name. Construct it by `parse`, or as a signing key's `public`."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell this key from others of its name."""
        return key_id(self.name, self.public)

    @property
    def vkey(self) -> str:
        """The key as a line of text."""
        return f"{self.name}+{self.key_id.hex()}+{_base64(ED25519 + self.public)}"

    @classmethod
    def parse(cls, vkey: str) -> VerifyingKey:
        """Read a vkey. Raises UsageError `audit.vkey`."""
        name, public = _fields(vkey, KEY_SIZE)
        found = cls(name, public)
        if found.vkey != vkey:
            raise _malformed("its key ID is not that of the key")
        return found

    def verify(self, text: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's over the text."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except InvalidSignature:
            return False
        return True


class SigningKey:
    """An Ed25519 private key with its name. Its `repr` shows the public part only."""

    def __init__(self, name: str, seed: bytes) -> None:
        if not is_key_name(name):
            raise UsageError("audit.key-name", "a key's name has neither spaces nor a plus sign")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = VerifyingKey(name, self._key.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, name: str) -> SigningKey:
        """A new key. Raises UsageError for a name that a key cannot have."""
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> SigningKey:
        """Read a private key's line. Raises UsageError `audit.vkey`, which shows nothing of it."""
        if not text.startswith(_PRIVATE):
            raise _malformed(f"a private one begins with {_PRIVATE}")
        found = cls(*_fields(text.removeprefix(_PRIVATE), KEY_SIZE))
        if found.encode() != text:
            raise _malformed("its key ID is not that of the key")
        return found

    def encode(self) -> str:
        """The private key as a line of text. It is a secret."""
        seed = _base64(ED25519 + self._key.private_bytes_raw())
        return f"{_PRIVATE}{self.name}+{self.key_id.hex()}+{seed}"

    @property
    def name(self) -> str:
        """The key's name."""
        return self.public.name

    @property
    def key_id(self) -> bytes:
        """As of the public key."""
        return self.public.key_id

    def sign(self, text: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._key.sign(text)

    def __repr__(self) -> str:
        return f"SigningKey({self.public.vkey})"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _fields(text: str, size: int) -> tuple[str, bytes]:
    # The base64 may hold a plus; the name may not.
    name, _, rest = text.partition("+")
    hexadecimal, _, encoded = rest.partition("+")
    try:
        data = strict_base64(encoded)
        identified = len(hexadecimal) == 2 * KEY_ID_SIZE and int(hexadecimal, _HEX) >= 0
    except ValueError:
        raise _malformed("it is not NAME+ID+BASE64") from None
    if not identified or not is_key_name(name) or len(data) != 1 + size or data[:1] != ED25519:
        raise _malformed("it is not NAME+ID+BASE64 of an Ed25519 key")
    return name, data[1:]


def _malformed(why: str) -> UsageError:
    return UsageError("audit.vkey", f"not a C2SP key: {why}")
