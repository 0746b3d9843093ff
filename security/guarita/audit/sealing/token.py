"""The form of a sealed value, and what it is bound to: its log, its entry and its place in that entry.

A token is the text `sealed:v1:KEY-ID:DATA`, both parts in base64url without padding; DATA is a 12-byte nonce and the
output of AES-256-GCM (NIST SP 800-38D). The additional data binds it to the log's name, to the SHA-256 of the entry
with every token taken out, and to its number among the entry's tokens: copied elsewhere it does not open.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from guarita.audit.sealing.interface import ID_SIZE, SubjectKey

PREFIX: Final = "sealed:v1:"
_NONCE: Final = 12
_TOKEN: Final = re.compile(rb'"sealed:v1:([A-Za-z0-9_-]{22}):([A-Za-z0-9_-]+)"')

Replace = Callable[[int, bytes, str], bytes | None]
"""Called with a token's number, its key's identifier and its data; gives JSON to stand there, None to leave it."""


def text(key_id: bytes, data: bytes) -> str:
    """A token from its parts."""
    return f"{PREFIX}{_encode(key_id)}:{_encode(data)}"


def placeholder(mark: bytes, number: int) -> str:
    """What stands for a value until it is sealed: a token whose key identifier is `mark`, and its number."""
    return f"{PREFIX}{_encode(mark)}:{number}"


def replace(body: bytes, replacement: Replace) -> bytes:
    """The same JSON with some of its tokens replaced."""
    number = -1

    def one(match: re.Match[bytes]) -> bytes:
        nonlocal number
        number += 1
        found = replacement(number, _decode(match[1]), match[2].decode())
        return match[0] if found is None else found

    return _TOKEN.sub(one, body)


def binding(origin: str, body: bytes) -> bytes:
    """What every token of this entry is bound to. The same before and after the values are sealed."""
    rest = hashlib.sha256(_TOKEN.sub(b'"sealed"', body)).digest()
    return b"guarita/sealed/v1\n" + origin.encode() + b"\n" + rest


def seal(key: SubjectKey, value: str, *, bound: bytes, number: int) -> str:
    """Encrypt a value; gives its token. Raises UnicodeEncodeError for text that is not Unicode."""
    nonce = os.urandom(_NONCE)
    sealed = AESGCM(key.key).encrypt(nonce, value.encode(), bound + number.to_bytes(4, "big"))
    return text(key.id, nonce + sealed)


def open_sealed(key: bytes, data: str, *, bound: bytes, number: int) -> str | None:
    """The value of a token's data, or None when it was not sealed under this key at this place."""
    raw = _decode(data.encode())
    try:
        value = AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], bound + number.to_bytes(4, "big"))
    except (InvalidTag, ValueError):
        return None
    return value.decode()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(data: bytes) -> bytes:
    if len(data) % 4 == 1:  # no number of bytes has this length; whatever stands here, we did not write it
        return b""
    return base64.urlsafe_b64decode(data + b"=" * (-len(data) % 4))


assert len(_encode(bytes(ID_SIZE))) == 22  # noqa: S101, PLR2004  # the pattern above says so
