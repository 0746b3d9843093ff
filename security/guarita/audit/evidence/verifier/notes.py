"""Signed notes, checkpoints, cosignatures and public keys (c2sp.org: signed-note, tlog-checkpoint, tlog-cosignature)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import NamedTuple

from . import ed25519

ED25519 = 1
COSIGNATURE_V1 = 4
MAX_NOTE = 1_000_000
SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
TIMESTAMP = 8


class Key(NamedTuple):
    """A public key: of a log (type 1), or of a witness (type 4)."""

    name: str
    kind: int
    public: bytes

    def identifier(self) -> bytes:
        """SHA-256(name || 0x0A || type || key)[:4]."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def vkey(self) -> str:
        """The key as a line of text: NAME+ID+BASE64."""
        data = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.identifier().hex()}+{data}"

    def signed(self, text: bytes, signature: bytes) -> bool:
        """Whether the signature (without key ID) is this key's over the text."""
        if self.kind == COSIGNATURE_V1:
            at, signature = int.from_bytes(signature[:TIMESTAMP], "big"), signature[TIMESTAMP:]
            text = b"cosignature/v1\ntime %d\n" % at + text
        return ed25519.verify(self.public, text, signature)


class Signature(NamedTuple):
    """A signature line."""

    name: str
    identifier: bytes
    signature: bytes


class Note(NamedTuple):
    """A note whose form is right; nobody's signature has been looked at."""

    text: str
    signatures: list[Signature]


class Head(NamedTuple):
    """What a checkpoint says."""

    origin: str
    size: int
    root: bytes


def parse_key(vkey: str, kind: int) -> Key:
    """Read a public key of this type. Raises ValueError."""
    name, _, rest = vkey.partition("+")
    data = strict_base64(rest.partition("+")[2])
    key = Key(name, data[0] if data else 0, data[1:])
    if key.kind != kind or len(key.public) != ed25519.KEY_SIZE or not is_name(name) or key.vkey() != vkey:
        raise ValueError(f"not a public key NAME+ID+BASE64 of type {kind}")
    return key


def parse_note(note: str) -> Note:
    """Read a note, strictly. Raises ValueError."""
    text, blank, below = note.rpartition("\n\n")
    control = any(character < " " and character != "\n" for character in note)
    if control or not blank or not below.endswith("\n") or len(note.encode()) > MAX_NOTE:
        raise ValueError("not a signed note")
    return Note(text + "\n", [_signature(line) for line in below[:-1].split("\n")])


def parse_head(text: str) -> Head:
    """Read a checkpoint's text. Raises ValueError."""
    lines = text[:-1].split("\n")
    if len(lines) < 3 or not all(lines) or not SIZE.fullmatch(lines[1]):  # noqa: PLR2004  # origin, size, root
        raise ValueError("not a checkpoint")
    root = strict_base64(lines[2])
    if len(root) != hashlib.sha256().digest_size:
        raise ValueError("not a checkpoint")
    return Head(lines[0], int(lines[1]), root)


def signers(note: Note, keys: list[Key]) -> list[tuple[Key, bytes]]:
    """Which of these keys signed, each with its signature. Raises ValueError when one's does not hold."""
    known = {(key.name, key.identifier()): key for key in keys}
    found = []
    for name, identifier, signature in note.signatures:
        key = known.get((name, identifier))
        if key is not None:
            if not key.signed(note.text.encode(), signature):
                raise ValueError(f"the signature of {name}+{identifier.hex()} does not hold")
            found.append((key, signature))
    return found


def strict_base64(text: str) -> bytes:
    """Decode base64 that is spelled as RFC 4648 section 4 has it. Raises ValueError."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise ValueError("not base64") from None
    if base64.b64encode(data).decode() != text:
        raise ValueError("not base64 as it is to be spelled")
    return data


def is_name(name: str) -> bool:
    """Whether a key may be called so."""
    return bool(name) and not any(c.isspace() or c == "+" or c < " " for c in name)


def _signature(line: str) -> Signature:
    name, space, encoded = line[2:].partition(" ")
    data = strict_base64(encoded)
    if not line.startswith("— ") or not space or not is_name(name) or len(data) <= 4:  # noqa: PLR2004  # key ID
        raise ValueError("not a signature line")
    return Signature(name, data[:4], data[4:])
