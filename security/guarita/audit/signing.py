"""Signing a ledger's checkpoints: with which keys, and never a head that does not continue the last one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from guarita.audit.continues import check_continues, check_end, check_recent, opened
from guarita.audit.errors import LedgerCorruptError, ProofError
from guarita.audit.events.classes import Event
from guarita.audit.keys.chain import Chain, Change, change_event, follow, recorded
from guarita.audit.keys.interface import KeySource, LogSigner
from guarita.audit.notes.checkpoint import TreeHead, open_checkpoint, sign_checkpoint
from guarita.audit.notes.ed25519 import VerifyingKey
from guarita.audit.notes.note import parse_note, signature_line, with_signatures
from guarita.audit.stores.interface import Appended, Checkpoint, Store
from guarita.audit.verify import Progress, Verified, locate, verify_store
from guarita.errors import UsageError

Write = Callable[[Event], Appended]


class SignedCheckpoint(msgspec.Struct, frozen=True):
    """A checkpoint of this log, and who signed it."""

    origin: str
    size: int
    root: bytes
    note: str
    """The signed note, exactly as stored: what is handed to others."""
    signed_by: list[str]
    """vkeys of this log's own keys. Further signatures (of witnesses) stand in the note."""


class Signing:
    """The keys of one open ledger."""

    def __init__(self, store: Store, source: KeySource | None, pinned: VerifyingKey | None) -> None:
        self._store = store
        self._source = source
        self.pinned = pinned
        if pinned is not None and pinned.name != store.origin:
            raise LedgerCorruptError(
                "audit.origin", f"the pinned key is of the log {pinned.name}, and this log is {store.origin}"
            )

    def prepare(self) -> None:
        """Before the first append: make the first key where there is none, and see that ours is the log's.

        Raises UsageError `audit.key-missing`, `audit.key-unknown`, and as the source.
        """
        if self._source is None:
            return
        known = recorded(self._store)
        signers = self._source.load(self._store.origin)
        if not signers:
            if known:
                raise UsageError(
                    "audit.key-missing",
                    f"the log {self._store.origin} has a signing key, and it is not where it should be",
                    hint="put the key back, or name its place as `ledger.key` in guarita.yaml",
                )
            self._source.add(self._store.origin)
            signers = self._source.load(self._store.origin)
        if not known:
            self._store.add_verifier(signers[-1].public.vkey)
        self._signers()

    def chain(self) -> Chain | None:
        """The keys that this log's checkpoints may be signed with; None while it has none."""
        if self.pinned is not None:
            return follow(self._store, self.pinned)
        known = recorded(self._store)
        return follow(self._store, known[0]) if known else None

    def sign(self) -> SignedCheckpoint:
        """Sign the head as it is now, and file it. A head that is signed already is given as it is.

        Raises UsageError `audit.no-key` where this process has no key, LedgerCorruptError when the log does
        not continue its last checkpoint, LedgerUnavailableError.
        """
        head, _, chain = check_continues(self._store, self._chain)
        signers = self._signers(head.size)
        tree = TreeHead(self._store.origin, head.size, head.root())
        note = self._completed(tree, signers)
        self._store.save_checkpoint(Checkpoint(head.size, note))
        return self._signed(Checkpoint(head.size, note), chain or self._chain())

    @property
    def signs(self) -> bool:
        """Whether this process has a key to sign with."""
        return self._source is not None

    def paths(self) -> tuple[Path, ...]:
        """The files that our keys are kept in, absolute."""
        return () if self._source is None else self._source.paths()

    def check(self) -> None:
        """What opening asks: that the log continues its last checkpoint.

        Raises LedgerCorruptError with the first index that is wrong, where it can be placed.
        """
        try:
            standing = check_continues(self._store, self.chain)
            check_recent(self._store, standing.head.size)
            check_end(self._store, standing.head.size)
        except LedgerCorruptError as error:
            raise locate(self._store, self.chain, error) from None

    def all(self) -> list[SignedCheckpoint]:
        """The stored checkpoints, smallest first. Raises LedgerCorruptError for one that does not hold."""
        checkpoints = self._store.checkpoints()
        return [self._signed(one, self._chain()) for one in checkpoints]

    def latest(self) -> SignedCheckpoint:
        """The newest checkpoint. Raises LedgerCorruptError when it does not hold, UsageError when there is none."""
        latest = self._store.latest_checkpoint()
        if latest is None:
            raise UsageError(
                "audit.not-signed", "the log has no checkpoint yet", hint="guarita audit checkpoint"
            )
        return self._signed(latest, self._chain())

    def verify(self, *, since: str | None, progress: Progress) -> Verified:
        """As `Ledger.verify`."""
        head = None
        if since is not None:
            head, _ = open_checkpoint(since, self._chain().keys, origin=self._store.origin)
        elif self.pinned is not None and not self._store.latest_checkpoint():
            raise ProofError(
                "audit.no-checkpoint", "the log has no checkpoint, so the pinned key has signed nothing"
            )
        verified = verify_store(self._store, self.chain, since=head, progress=progress)
        return msgspec.structs.replace(verified, pinned=self.pinned is not None)

    def _signed(self, checkpoint: Checkpoint, chain: Chain) -> SignedCheckpoint:
        head, signed = opened(checkpoint, chain, self._store.origin)
        vkeys = [key.vkey for key in signed if isinstance(key, VerifyingKey)]
        return SignedCheckpoint(head.origin, head.size, head.root, checkpoint.note, vkeys)

    def rotate(self, write: Write) -> VerifyingKey:
        """Put a new key into force beside the one there is; both sign until the old one is retired.

        A key that the source already has, and the log not yet, is the new one: so a rotation that was
        interrupted goes on. Raises as `sign`, UsageError `audit.key-source`.
        """
        source = self._keyed()
        ours = self._signers()
        newest = source.load(self._store.origin)[0]
        if newest.public in recorded(self._store):
            source.add(self._store.origin)
            newest = source.load(self._store.origin)[0]
        self._change("add", newest.public, [*ours, newest], write)
        self.sign()
        return newest.public

    def retire(self, write: Write) -> list[VerifyingKey]:
        """Take every key but the newest out of force, by a leaf each, and destroy them where they are ours."""
        source = self._keyed()
        newest, *old = self._signers()
        retiring = [key for key in self._chain().in_force(self._store.head().size) if key != newest.public]
        for key in retiring:
            self._change("retire", key, [newest], write)
        self.sign()
        source.forget({signer.public.vkey for signer in old})
        return retiring

    def _change(self, change: Change, key: VerifyingKey, signers: list[LogSigner], write: Write) -> None:
        event = change_event(
            change, key, time=time.time_ns() // 1_000_000, origin=self._store.origin, signers=signers
        )
        write(event)
        self._store.add_verifier(key.vkey)
        in_force = key in self._chain().in_force(self._store.head().size)
        if in_force != (change == "add"):
            raise LedgerCorruptError(
                "audit.key-change", f"the log does not take the change: {change} {key.vkey}"
            )

    def _chain(self) -> Chain:
        chain = self.chain()
        if chain is None:
            raise LedgerCorruptError("audit.key-unknown", "the log has lost the record of its signing keys")
        return chain

    def _keyed(self) -> KeySource:
        if self._source is None:
            raise UsageError(
                "audit.no-key",
                "this process has no key to sign checkpoints with",
                hint="name it as `ledger.key` in guarita.yaml, or in GUARITA_LEDGER_KEY",
            )
        return self._source

    def _signers(self, size: int | None = None) -> list[LogSigner]:
        """Our keys that are in force, newest first."""
        in_force = self._chain().in_force(self._store.head().size if size is None else size)
        signers = [one for one in self._keyed().load(self._store.origin) if one.public in in_force]
        if not signers:
            raise UsageError(
                "audit.key-unknown",
                f"the signing key is none of those of the log {self._store.origin}",
                hint="`guarita audit key rotate` puts a new key on the record, with the old one at hand",
            )
        return signers

    def _completed(self, tree: TreeHead, signers: list[LogSigner]) -> str:
        """The note of this head with our signatures: a new one, or the one there is with what it lacks."""
        latest = self._store.latest_checkpoint()
        if latest is None or latest.size != tree.size:
            return sign_checkpoint(tree, signers)
        # Witnesses' signatures on it are kept.
        there = {(one.name, one.key_id) for one in parse_note(latest.note).signatures}
        missing = [one for one in signers if (one.name, one.key_id) not in there]
        lines = "".join(signature_line(one, tree.text()) for one in missing)
        return with_signatures(latest.note, lines) if lines else latest.note
