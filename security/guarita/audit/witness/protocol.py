"""The bodies of `add-checkpoint` (https://c2sp.org/tlog-witness, version 1): written and read, strictly."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from guarita.audit.merkle.tree import HASH_SIZE
from guarita.audit.notes.note import strict_base64

PATH: Final = "/add-checkpoint"
SIZE_TYPE: Final = "text/x.tlog.size"
MAX_PROOF: Final = 63
MAX_REQUEST: Final = 64 * 1024
"""Bytes. 63 hashes take 2.8 KB; the rest is for a checkpoint with many signatures."""
MAX_ANSWER: Final = 16 * 1024
_SIZE: Final = re.compile(rb"0|[1-9][0-9]{0,18}")


class Request(NamedTuple):
    """A checkpoint to be cosigned, and the proof that it continues the one of size `old`."""

    old: int
    proof: list[bytes]
    checkpoint: bytes


def encode_request(old: int, proof: Sequence[bytes], checkpoint: str) -> bytes:
    """The request's body."""
    lines = [f"old {old}", *(base64.b64encode(one).decode() for one in proof), "", ""]
    return "\n".join(lines).encode() + checkpoint.encode()


def parse_request(body: bytes) -> Request:
    """Read a request's body. Raises ValueError with a reason that quotes nothing of it."""
    head, blank, checkpoint = body.partition(b"\n\n")
    if not blank:
        raise ValueError("there is no empty line before the checkpoint")
    first, *lines = head.split(b"\n")
    size = first.removeprefix(b"old ")
    if not first.startswith(b"old ") or not _SIZE.fullmatch(size):
        raise ValueError("the first line is not `old SIZE`")
    if len(lines) > MAX_PROOF:
        raise ValueError(f"there are more than {MAX_PROOF} lines of proof")
    try:
        proof = [strict_base64(line.decode("ascii")) for line in lines]
    except ValueError:
        raise ValueError("a line of the proof is not base64") from None
    if any(len(one) != HASH_SIZE for one in proof):
        raise ValueError(f"a line of the proof is not {HASH_SIZE} bytes")
    return Request(int(size), proof, checkpoint)


def parse_size(body: bytes) -> int:
    """Read the body of a 409 of type `text/x.tlog.size`. Raises ValueError."""
    if not body.endswith(b"\n") or not _SIZE.fullmatch(body[:-1]):
        raise ValueError("not a size")
    return int(body)
