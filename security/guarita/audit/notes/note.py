"""Signed notes: a text with signatures below it (https://c2sp.org/signed-note)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, NoReturn, Protocol

import msgspec

from guarita.audit.errors import ProofError

MAX_NOTE: Final = 1_000_000
"""Bytes of a note, as in golang.org/x/mod/sumdb/note."""
MAX_SIGNATURES: Final = 100
KEY_ID_SIZE: Final = 4
_DASH: Final = "— "
_SPACE: Final = " "


class Verifier(Protocol):
    """A public key with its name. Signature types other than Ed25519 are further implementations."""

    @property
    def name(self) -> str:
        """The key's name."""

    @property
    def key_id(self) -> bytes:
        """Four bytes; with the name they say which key and which signature type it is."""

    def verify(self, text: bytes, signature: bytes) -> bool:
        """Whether the signature (without the key ID) is this key's over the text."""


class Signer(Protocol):
    """A private key with its name, or something that signs for it elsewhere."""

    @property
    def name(self) -> str:
        """The key's name."""

    @property
    def key_id(self) -> bytes:
        """As of the verifier."""

    def sign(self, text: bytes) -> bytes:
        """The signature without the key ID. Raises LedgerUnavailableError when the key cannot be used now."""


class Signature(NamedTuple):
    """A signature line."""

    name: str
    key_id: bytes
    signature: bytes


class Note(msgspec.Struct, frozen=True):
    """A note whose form is right. Its text counts only where a known key has signed it."""

    text: str
    signatures: list[Signature]


def parse_note(note: str | bytes) -> Note:
    """Read a note, strictly. Raises ProofError `audit.note`."""
    text = _decoded(note)
    if any(character < " " and character != "\n" for character in text):
        _malformed("it has a control character")
    body, blank, below = text.rpartition("\n\n")
    if not blank or not below.endswith("\n"):
        _malformed("there are no signatures below a blank line")
    lines = below[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        _malformed(f"it has more than {MAX_SIGNATURES} signatures")
    return Note(body + "\n", [_signature(line) for line in lines])


def open_note(note: str | bytes, verifiers: Iterable[Verifier]) -> tuple[str, list[Verifier]]:
    """The text, and who signed it. Signatures by unknown keys are ignored.

    Raises ProofError: `audit.note` for a wrong form, `audit.signature` when a known key's signature does not
    hold, or no known key has signed.
    """
    parsed = parse_note(note)
    known = {(key.name, key.key_id): key for key in verifiers}
    signed: list[Verifier] = []
    for name, key_id, signature in parsed.signatures:
        verifier = known.get((name, key_id))
        if verifier is None:
            continue
        if not verifier.verify(parsed.text.encode(), signature):
            raise ProofError("audit.signature", f"the signature of {name}+{key_id.hex()} does not hold")
        if verifier not in signed:
            signed.append(verifier)
    if not signed:
        by = ", ".join(f"{name}+{key_id.hex()}" for name, key_id, _ in parsed.signatures[:4])
        raise ProofError("audit.signature", f"no key that is trusted has signed; signatures are by {by}")
    return parsed.text, signed


def sign_note(text: str, signers: Sequence[Signer]) -> str:
    """A note of this text, signed by each. Raises ValueError for a text that cannot be one."""
    lines = [signature_line(signer, text) for signer in signers]
    note = f"{text}\n{''.join(lines)}"
    if not lines or not text.endswith("\n") or parse_note(note).text != text:
        raise ValueError("a note is text that ends in a newline, and has a signature")
    return note


def signature_line(signer: Signer, text: str) -> str:
    """One signature over the text, as it stands below a note."""
    signed = signer.key_id + signer.sign(text.encode())
    return f"{_DASH}{signer.name} {base64.b64encode(signed).decode()}\n"


def with_signatures(note: str, lines: str) -> str:
    """The note with further signature lines below. Raises ProofError `audit.note` unless the result is one."""
    parse_note(note + lines)
    return note + lines


def is_key_name(name: str) -> bool:
    """Whether a key may be called so: not empty, no Unicode space, no plus, no control, nothing but Unicode."""
    return bool(name) and not any(
        c.isspace() or c == "+" or c < " " or "\ud800" <= c <= "\udfff" for c in name
    )


def strict_base64(text: str) -> bytes:
    """Decode RFC 4648 section 4 base64 that is spelled canonically. Raises ValueError."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise ValueError("not base64") from None
    if base64.b64encode(data).decode() != text:
        raise ValueError("not canonical base64")
    return data


def _decoded(note: str | bytes) -> str:
    data = note.encode(errors="surrogatepass") if isinstance(note, str) else note
    if len(data) > MAX_NOTE:
        _malformed(f"it has more than {MAX_NOTE} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        _malformed("it is not UTF-8")


def _signature(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_DASH).partition(_SPACE)
    try:
        data = strict_base64(encoded)
    except ValueError:
        data = b""
    if not line.startswith(_DASH) or not space or not is_key_name(name) or len(data) <= KEY_ID_SIZE:
        _malformed("a line below the blank one is not a signature")
    return Signature(name, data[:KEY_ID_SIZE], data[KEY_ID_SIZE:])


def _malformed(why: str) -> NoReturn:
    raise ProofError("audit.note", f"not a signed note: {why}")
