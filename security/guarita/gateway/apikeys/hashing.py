"""Keyed hashes of keys: who has the store, and not the pepper, can neither use nor test a key.

A key has 256 bits of its own, so no slow hash is needed; the pepper guards against a record that was put there.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from guarita.errors import UsageError

MIN_PEPPER: Final = 32
"""Bytes."""
_CONTEXT: Final = b"guarita api key v1\0"


@dataclass(frozen=True, slots=True)
class Pepper:
    """A secret of the gateway, known to no store."""

    secret: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """Tells peppers apart, and nothing about them."""
        return self._mac(b"name\0")[:6].hex()

    def digest(self, key: str) -> bytes:
        """What is kept of a key: 32 bytes."""
        return self._mac(_CONTEXT + key.encode("ascii"))

    def _mac(self, message: bytes) -> bytes:
        return hmac.digest(self.secret, message, hashlib.sha256)


class Peppers:
    """The peppers in use: the first is for new keys, the others for those made before it came."""

    def __init__(self, peppers: Sequence[Pepper]) -> None:
        self.newest = peppers[0]
        self._by_name = {pepper.name: pepper for pepper in peppers}

    def matches(self, key: str, digest: bytes, pepper: str) -> bool:
        """Whether the digest is of this key. Takes the same time for every wrong digest."""
        known = self._by_name.get(pepper)
        computed = (known or self.newest).digest(key)
        return hmac.compare_digest(computed, digest) and known is not None


def parse_peppers(text: str, place: str) -> Peppers:
    """Read peppers, newest first, each at least 32 bytes in base64, apart by white space.

    Raises UsageError `apikey.pepper`, which names the place only.
    """
    peppers = []
    for word in text.split():
        try:
            secret = base64.b64decode(word, validate=True)
        except ValueError:  # of base64, or of ASCII
            secret = b""
        if len(secret) < MIN_PEPPER:
            raise _unusable(place)
        peppers.append(Pepper(secret))
    if not peppers:
        raise _unusable(place)
    return Peppers(peppers)


def _unusable(place: str) -> UsageError:
    return UsageError(
        "apikey.pepper",
        f"{place}: holds no pepper of {MIN_PEPPER} bytes or more in base64",
        hint="openssl rand -base64 32",
    )
