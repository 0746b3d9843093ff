"""Proofs that stand alone: an entry, its place, its path, a checkpoint (https://c2sp.org/tlog-proof).

Guarita puts the entry's own bytes into the `extra` line. That line is not signed, and need not be: the path leads
from the hash of those bytes to the signed root, or the proof is refused.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import Final

import msgspec

from guarita.audit.errors import ProofError
from guarita.audit.merkle.proofs import verify_inclusion
from guarita.audit.merkle.tree import HASH_SIZE, leaf_hash
from guarita.audit.notes.checkpoint import TreeHead, parse_text
from guarita.audit.notes.note import Verifier, open_note, strict_base64

SUFFIX: Final = ".tlog-proof"
MAX_PROOF: Final = 1_000_000
"""Bytes of a proof that is read."""
_TITLE: Final = "c2sp.org/tlog-proof@v1"
_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)
_MAX_PATH: Final = 63


class TlogProof(msgspec.Struct, frozen=True):
    """A proof as it is written down. Nothing of it counts before `check`."""

    index: int
    path: list[bytes]
    checkpoint: str
    extra: bytes | None = None

    def encode(self) -> str:
        """The text of a `.tlog-proof` file."""
        lines = [_TITLE]
        if self.extra is not None:
            lines.append(f"extra {base64.b64encode(self.extra).decode()}")
        lines += [f"index {self.index}", *(base64.b64encode(one).decode() for one in self.path), ""]
        return "\n".join(lines) + "\n" + self.checkpoint

    @classmethod
    def parse(cls, text: str) -> TlogProof:
        """Read a proof, strictly. Raises ProofError `audit.tlog-proof`."""
        above, blank, checkpoint = text.partition("\n\n")
        lines = above.split("\n")
        try:
            if len(text) > MAX_PROOF or not blank or lines.pop(0) != _TITLE:
                raise ValueError  # noqa: TRY301  # one way out for all that is wrong
            extra = None
            if lines and lines[0].startswith("extra "):
                extra = strict_base64(lines.pop(0).removeprefix("extra "))
            index = _INDEX.fullmatch(lines.pop(0))
            path = [strict_base64(line) for line in lines]
            if index is None or len(path) > _MAX_PATH or any(len(one) != HASH_SIZE for one in path):
                raise ValueError  # noqa: TRY301
        except (ValueError, IndexError):
            raise ProofError("audit.tlog-proof", f"not a proof: {_TITLE} is expected") from None
        return cls(int(index.group(1)), path, checkpoint, extra)

    def check(self, verifiers: Iterable[Verifier], entry: bytes | None = None) -> TreeHead:
        """See that the entry stands at the index in a tree that a known key signed; gives that tree's head.

        `entry` is the entry's bytes; without it those of the `extra` line. Raises ProofError: `audit.signature`,
        `audit.checkpoint`, `audit.inclusion`, `audit.note`, or `audit.no-entry` when there are no bytes.
        """
        body = self.extra if entry is None else entry
        if body is None:
            raise ProofError("audit.no-entry", "the proof does not hold the entry that it is about")
        text, signed = open_note(self.checkpoint, verifiers)
        head = parse_text(text)
        if all(key.name != head.origin for key in signed):
            raise ProofError("audit.origin", f"no key of the log {head.origin} has signed")
        verify_inclusion(self.index, head.size, leaf_hash(body), self.path, head.root)
        return head
