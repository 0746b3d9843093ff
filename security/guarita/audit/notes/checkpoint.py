"""Checkpoints: a log's size and root, signed (https://c2sp.org/tlog-checkpoint)."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from guarita.audit.errors import ProofError
from guarita.audit.merkle.tree import HASH_SIZE
from guarita.audit.notes.note import Signer, Verifier, open_note, parse_note, sign_note, strict_base64

_LINES: Final = 3
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


class TreeHead(msgspec.Struct, frozen=True):
    """What a checkpoint says."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """The note's text, which is what is signed."""
        root = base64.b64encode(self.root).decode()
        return "".join(f"{line}\n" for line in (self.origin, self.size, root, *self.extensions))


def parse_text(text: str) -> TreeHead:
    """Read a checkpoint's text. Raises ProofError `audit.checkpoint`."""
    lines = text.removesuffix("\n").split("\n")
    try:
        if len(lines) < _LINES or not all(lines) or not _SIZE.fullmatch(lines[1]):
            raise ValueError  # noqa: TRY301  # one way out for all that is wrong
        root = strict_base64(lines[2])
        if len(root) != HASH_SIZE:
            raise ValueError  # noqa: TRY301
    except ValueError:
        raise ProofError("audit.checkpoint", "not a checkpoint: origin, size and root are expected") from None
    return TreeHead(lines[0], int(lines[1]), root, tuple(lines[_LINES:]))


def read_checkpoint(note: str | bytes) -> TreeHead:
    """What a checkpoint says, before anybody's signature is looked at. Raises ProofError."""
    return parse_text(parse_note(note).text)


def open_checkpoint(
    note: str | bytes, verifiers: Iterable[Verifier], *, origin: str
) -> tuple[TreeHead, list[Verifier]]:
    """What a checkpoint of this log says, and which of the known keys signed it.

    Raises ProofError: as `open_note`, `audit.checkpoint` for a wrong form, `audit.origin` for another log's.
    """
    text, signed = open_note(note, verifiers)
    head = parse_text(text)
    if head.origin != origin:
        raise ProofError("audit.origin", f"a checkpoint of the log {head.origin}, not of {origin}")
    return head, signed


def sign_checkpoint(head: TreeHead, signers: Sequence[Signer]) -> str:
    """The signed checkpoint. The log's key name is its origin."""
    if any(signer.name != head.origin for signer in signers):
        raise ValueError("a log's key is called as the log")
    return sign_note(head.text(), signers)
