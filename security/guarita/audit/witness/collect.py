"""Collecting cosignatures for a ledger's newest checkpoint from several witnesses side by side: k of n."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from guarita.audit.errors import LedgerError
from guarita.audit.ledger import Ledger
from guarita.audit.merkle.nodes import Nodes
from guarita.audit.merkle.proofs import consistency_proof
from guarita.audit.notes.cosignature import cosignatures
from guarita.audit.notes.note import parse_note, with_signatures
from guarita.audit.signing import SignedCheckpoint
from guarita.audit.stores.interface import Checkpoint
from guarita.audit.witness.client import Call, Reply, WitnessAddress

TIMEOUT: Final = 10.0
"""Seconds for all witnesses together."""
_GRACE: Final = 0.5
"""Seconds that a call which was cut off may take to end."""


class Witnessed(msgspec.Struct, frozen=True):
    """A checkpoint, with the cosignatures that could be had."""

    size: int
    note: str
    replies: list[Reply]
    quorum: int

    @property
    def cosigned(self) -> int:
        """How many witnesses have cosigned it."""
        return sum(reply.outcome == "cosigned" for reply in self.replies)

    @property
    def reached(self) -> bool:
        """Whether that is the quorum."""
        return self.cosigned >= self.quorum

    @property
    def contradicted(self) -> bool:
        """Whether a witness says that it was shown another log under this name, or more of it."""
        return any(reply.outcome in {"conflict", "ahead"} for reply in self.replies)


def collect(
    ledger: Ledger, witnesses: Sequence[WitnessAddress], *, quorum: int, timeout: float = TIMEOUT
) -> Witnessed:
    """Sign a checkpoint, have it cosigned, and file it with every cosignature that holds.

    A witness that hangs or lies costs no more than `timeout` seconds and changes nothing. Raises as
    `Ledger.checkpoint`.
    """
    signed = ledger.checkpoint()
    nodes = Nodes(ledger.store.hashes)
    lock = threading.Lock()

    def prove(old: int) -> list[bytes]:
        with lock:
            return consistency_proof(nodes, old, signed.size) if 0 < old < signed.size else []

    seen = _seen(ledger, witnesses)
    calls = [
        Call(one, signed.note, signed.size, prove, old=seen.get(one.key.vkey, 0), timeout=timeout)
        for one in witnesses
    ]
    replies = _run(calls, timeout)
    note = _file(ledger, signed, replies)
    return Witnessed(signed.size, note, replies, quorum)


def _seen(ledger: Ledger, witnesses: Sequence[WitnessAddress]) -> dict[str, int]:
    """What each witness cosigned last, as far as our own checkpoints tell."""
    keys = [one.key for one in witnesses]
    found: dict[str, int] = {}
    for checkpoint in reversed(ledger.store.checkpoints()):
        for one in cosignatures(checkpoint.note, keys):
            found.setdefault(one.witness.vkey, checkpoint.size)
        if len(found) == len(keys):
            break
    return found


def _run(calls: list[Call], timeout: float) -> list[Reply]:
    replies: list[Reply | None] = [None] * len(calls)
    failed: list[LedgerError] = []

    def ask(at: int) -> None:
        try:
            replies[at] = calls[at].run()
        except LedgerError as error:  # our own store's, while a proof was made
            failed.append(error)

    threads = [
        threading.Thread(target=ask, args=(at,), name=f"guarita-witness-{at}", daemon=True)
        for at in range(len(calls))
    ]
    for thread in threads:
        thread.start()
    until = time.monotonic() + timeout
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    for thread, call in zip(threads, calls, strict=True):
        if thread.is_alive():
            # A peer that sends a byte now and then keeps every timeout of the socket; this ends it.
            call.cancel()
            thread.join(_GRACE)
    if failed:
        raise failed[0]
    return [reply or call.late() for reply, call in zip(list(replies), calls, strict=True)]


def _file(ledger: Ledger, signed: SignedCheckpoint, replies: list[Reply]) -> str:
    """File the note with the new cosignatures; gives the note as it is filed."""
    there = {(one.name, one.key_id) for one in parse_note(signed.note).signatures}
    lines = "".join(
        reply.cosignature.line
        for reply in replies
        if reply.cosignature
        and (reply.cosignature.witness.name, reply.cosignature.witness.key_id) not in there
    )
    if not lines:
        return signed.note
    note = with_signatures(signed.note, lines)
    ledger.store.save_checkpoint(Checkpoint(signed.size, note))
    return note
