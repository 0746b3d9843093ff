"""Cosignatures: a witness says when it saw which checkpoint as the log's largest (https://c2sp.org/tlog-cosignature).

Signature type 0x04, `cosignature/v1`, Ed25519. The private key is spelled as any other (type 0x01); the key ID and the
public vkey carry type 0x04.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from guarita.audit.notes.ed25519 import KEY_SIZE, SigningKey, VerifyingKey, key_id
from guarita.audit.notes.note import is_key_name, parse_note, strict_base64
from guarita.errors import UsageError

COSIGNATURE_V1: Final = b"\x04"
_TIMESTAMP: Final = 8
_SIZE: Final = _TIMESTAMP + 64


class WitnessKey(msgspec.Struct, frozen=True):
    """A witness's public key with its name."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell this key, for this type of signature, from others of its name."""
        return key_id(self.name, self.public, COSIGNATURE_V1)

    @property
    def vkey(self) -> str:
        """The key as a line of text."""
        encoded = base64.b64encode(COSIGNATURE_V1 + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @classmethod
    def parse(cls, vkey: str) -> WitnessKey:
        """Read a vkey of type 0x04. Raises UsageError `audit.vkey`."""
        name, _, rest = vkey.partition("+")
        try:
            data = strict_base64(rest.partition("+")[2])
        except ValueError:
            data = b""
        found = cls(name, data[1:])
        right = len(data) == 1 + KEY_SIZE and data[:1] == COSIGNATURE_V1 and is_key_name(name)
        if not right or found.vkey != vkey:
            raise UsageError(
                "audit.vkey",
                "not a witness's key: NAME+ID+BASE64 of signature type 4 is expected",
                hint="`guarita audit witness serve` prints it when it starts",
            )
        return found

    def verify(self, text: bytes, signature: bytes) -> bool:
        """Whether the timestamped signature is this witness's over a checkpoint's text."""
        if len(signature) != _SIZE:
            return False
        at, made = int.from_bytes(signature[:_TIMESTAMP], "big"), signature[_TIMESTAMP:]
        return VerifyingKey(self.name, self.public).verify(_message(at, text), made)


class CosigningKey:
    """A witness's private key; a `Signer` whose signatures carry the time, in seconds since the epoch."""

    def __init__(self, key: SigningKey, clock: Callable[[], float] = time.time) -> None:
        self._key = key
        self._clock = clock
        self.public = WitnessKey(key.name, key.public.public)

    @property
    def name(self) -> str:
        """The key's name."""
        return self.public.name

    @property
    def key_id(self) -> bytes:
        """As of the public key."""
        return self.public.key_id

    def sign(self, text: bytes) -> bytes:
        """The time in 8 bytes, and the signature over both."""
        at = int(self._clock())
        return at.to_bytes(_TIMESTAMP, "big") + self._key.sign(_message(at, text))


class Cosignature(msgspec.Struct, frozen=True):
    """A witness's signature on a checkpoint that holds."""

    witness: WitnessKey
    time: int
    """Seconds since the epoch, by the witness's clock."""
    line: str
    """As it stands below the note, with its newline."""


def cosignatures(note: str, witnesses: Iterable[WitnessKey]) -> list[Cosignature]:
    """The cosignatures on a note that are by these witnesses and hold; all others are ignored.

    Of several by one witness the newest counts. Raises ProofError `audit.note` for what is no note.
    """
    parsed = parse_note(note)
    known = {(key.name, key.key_id): key for key in witnesses}
    found: dict[WitnessKey, Cosignature] = {}
    for name, identifier, signature in parsed.signatures:
        key = known.get((name, identifier))
        if key is None or not key.verify(parsed.text.encode(), signature):
            continue
        at = int.from_bytes(signature[:_TIMESTAMP], "big")
        line = f"— {name} {base64.b64encode(identifier + signature).decode()}\n"
        if key not in found or at > found[key].time:
            found[key] = Cosignature(key, at, line)
    return list(found.values())


def _message(at: int, text: bytes) -> bytes:
    return b"cosignature/v1\ntime %d\n" % at + text
