"""The ledger: events in, durable and in one sequence; proofs, checks and answers out."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from msgspec import UNSET

from guarita.audit.checked import checked
from guarita.audit.checkpointing import EVERY, Checkpointer
from guarita.audit.commit import GroupCommit
from guarita.audit.encode import Encoder
from guarita.audit.errors import LedgerError, LedgerUnavailableError
from guarita.audit.events.classes import Event
from guarita.audit.heartbeat import Heartbeat
from guarita.audit.notes.ed25519 import VerifyingKey
from guarita.audit.notes.proof import TlogProof
from guarita.audit.prove import included, prove
from guarita.audit.query import Found, Query, select
from guarita.audit.retention.entry import archived_entry
from guarita.audit.sealing import erase as erasure
from guarita.audit.sealing import fields
from guarita.audit.sealing.fields import Sealer
from guarita.audit.sealing.interface import KeyStore
from guarita.audit.signing import SignedCheckpoint, Signing
from guarita.audit.stores.interface import Appended, Draft, Leaf, Store
from guarita.audit.unwritable import Unwritable, WhenUnwritable
from guarita.audit.verify import Progress, Verified
from guarita.errors import GuaritaError


class Ledger:
    """One open ledger, for any number of threads and asyncio tasks of this process.

    Close it, or use it as a context manager. It does not survive `fork`: open it in the child.
    """

    def __init__(
        self,
        store: Store,
        signing: Signing,
        keys: KeyStore | None = None,
        *,
        checkpoint_every: int = EVERY,
        when_unwritable: WhenUnwritable = "deny",
    ) -> None:
        """`open_ledger` makes one. It signs by itself after `checkpoint_every` entries, and when it closes.

        `keys` holds the subjects' keys; without it personal fields are neither written nor opened.
        """
        self.store = store
        self.signing = signing
        self._keys = keys
        self._encoder = Encoder(None if keys is None else Sealer(store.origin, keys))
        self._commit: GroupCommit | None = None
        self._kept = Unwritable(self._write, self._encoder, when_unwritable, origin=store.origin)
        self._holds = when_unwritable != "deny"
        self._checkpoints = Checkpointer(lambda: signing.sign().size, every=checkpoint_every)
        self._pid = os.getpid()
        self._closed = False

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.store.origin

    @property
    def size(self) -> int:
        """How many entries there are now."""
        return self.store.head().size

    @property
    def root(self) -> bytes:
        """The tree's root hash now."""
        return self.store.head().root()

    def paths(self) -> tuple[Path, ...]:
        """The files and folders that it is kept in, absolute; none for a server."""
        return (*self.store.paths(), *self.signing.paths(), *(self._keys.paths() if self._keys else ()))

    @property
    def archived(self) -> int:
        """The bodies of entries below this index are not here but in an archive; 0 at first."""
        return self.store.archived()

    def append(self, event: Event, *, idempotency_key: str | None = None) -> Appended:
        """Write an event; returns after it is durable.

        With a key (here, or already as `metadata.uid`) a retry is harmless: the first entry stands, and its
        index is given again. With a Buffer chosen at opening, an event that cannot be written now is held, and
        answered with `buffered`. Raises EventRefusedError for an event that may not enter, LedgerUnavailableError when
        the ledger cannot be written; then nothing is acknowledged, and an event without a key may or may
        not be there.
        """
        return self._writer().append([self._encoder.draft(event, self._key(event, idempotency_key))])[0]

    def append_all(self, events: Iterable[Event]) -> list[Appended]:
        """Write several events side by side in the sequence, all or none. Raises as `append`."""
        drafts = [self._encoder.draft(event, self._key(event, None)) for event in events]
        return self._writer().append(drafts) if drafts else []

    async def aappend(self, event: Event, *, idempotency_key: str | None = None) -> Appended:
        """As `append`, for asyncio tasks."""
        return (
            await self._writer().aappend(
                [await self._encoder.adraft(event, self._key(event, idempotency_key))]
            )
        )[0]

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[Leaf]:
        """Entries by index, each compared with its hash. Raises LedgerCorruptError with the index.

        Raises LedgerError (`audit.archived`) when bodies from `start` on are archived.
        """
        if start < (archived := min(self.archived, self.size if stop is None else stop)):
            raise LedgerError(
                "audit.archived",
                f"the bodies of entries {start} to {archived - 1} are archived",
                hint="name the archive with --archive",
            )
        for leaf in self.store.leaves(start, stop):
            yield checked(leaf)

    def query(self, query: Query | None = None, *, start: int = 0, reveal: bool = False) -> Iterator[Found]:
        """The events that match, oldest first, from index `start` on; those that are `archived` are left out.

        With `reveal` sealed values are opened and searched as far as their keys are at hand, and read
        `(erased)` or `(sealed)` otherwise. Without it they stay as they are stored.
        """
        entries = self.entries(max(start, self.archived))
        return select(entries, query or Query(), self.revealed if reveal else lambda body: body)

    def revealed(self, body: bytes) -> bytes:
        """An event's JSON for reading, as `query` shows it with `reveal`. Only stored bytes can be verified."""
        return fields.reveal(self.origin, body, self._keys)

    def erase(self, subject: str | None) -> list[erasure.Erased]:
        """Destroy the key of a subject, so that its sealed values open no more, and record that.

        Gives what is recorded now: nothing where nothing was sealed for this subject. Erasures that were begun
        before and not recorded are finished too; None finishes only those. Raises LedgerUnavailableError; what
        was done until then stays done, and calling it again goes on from there.
        """
        return erasure.erase(self._held_keys(), subject, self._append_own)

    def replay_erasures(self) -> list[erasure.Erased]:
        """Destroy again what the log says was erased: for after a backup of the key store was put back."""
        return erasure.replay(self._held_keys(), self.store.find, self._append_own)

    def heartbeats(self, period: float, *, writer: str | None = None) -> Heartbeat:
        """A context in which this process says in the log, every `period` seconds, that it is there.

        `writer` names it (default: program and host). Entering writes the start, and raises as `append`;
        leaving writes the orderly stop.
        """
        return Heartbeat(self.append, period=period, writer=writer)

    def checkpoint(self) -> SignedCheckpoint:
        """Sign the log as it is now, and keep that; gives the checkpoint there is when nothing came since.

        Raises UsageError `audit.no-key` where this process has no key, LedgerCorruptError when the log does
        not continue its last checkpoint (then nothing is signed), LedgerUnavailableError.
        """
        return self.signing.sign()

    def checkpoints(self) -> list[SignedCheckpoint]:
        """The checkpoints kept, smallest first. Raises LedgerCorruptError for one that does not hold."""
        return self.signing.all()

    def verify(self, *, since: str | None = None, progress: Progress = lambda *_: None) -> Verified:
        """Verify the log from its bytes: all of it, or what came after a checkpoint of it, a signed note.

        Raises LedgerCorruptError with the first index that is wrong, ProofError when `since` is not this log's.
        """
        return self.signing.verify(since=since, progress=progress)

    def prove(self, index: int) -> TlogProof:
        """The proof that an entry stands in the log, by the newest checkpoint; `encode()` is the file's text.

        Raises UsageError when there is no such entry or no checkpoint covers it, LedgerError `audit.archived`,
        LedgerCorruptError.
        """
        return prove(self.store, index, self.signing.latest())

    def included(self, index: int) -> tuple[Leaf, int]:
        """An entry, proved by an inclusion proof to stand in the log; and the size of the signed tree it stands in.

        Where no checkpoint covers it yet the proof leads to the log's own head, and that size is 0. Raises
        UsageError when there is no such entry, LedgerError `audit.archived`, LedgerCorruptError.
        """
        return included(self.store, index, self.signing)

    def rotate_key(self) -> VerifyingKey:
        """Put a new signing key into force; the old one signs beside it until `retire_keys`.

        The change is a leaf that the old key signs for. Raises as `checkpoint`.
        """
        return self.signing.rotate(self._append_own)

    def retire_keys(self) -> list[VerifyingKey]:
        """Take every signing key but the newest out of force, by a leaf each. Raises as `checkpoint`."""
        return self.signing.retire(self._append_own)

    def prune(self, stop: int, *, size: int, root: str) -> Appended:
        """Say in the log that an archive holds the bodies below `stop`, then delete them here.

        The archive is of the first `size` entries, under this root (hex). Whoever calls has verified it:
        `retention.archive` does. Gives that entry. Repeating it after an interruption finishes what is left.
        """
        now = time.time_ns() // 1_000_000
        said = self._append_own(archived_entry(time=now, origin=self.origin, stop=stop, size=size, root=root))
        self.store.prune(stop)
        return said

    def close(self) -> None:
        """Write what is pending, sign a last checkpoint, and let go of the store.

        Raises what `checkpoint` raises; what was appended is durable all the same, but for `audit.lost`: then
        events that were held because the ledger could not be written are lost.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._commit is not None:
                self._commit.close()
                self._commit = None
                self._kept.close()
            if self._checkpoints.close() and self.signing.signs:
                self.signing.sign()
        finally:
            self.store.close()
            if self._keys is not None:
                self._keys.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except GuaritaError:
            # The body's own error says more.
            if error is None:
                raise

    def _key(self, event: Event, key: str | None) -> str | None:
        if self._holds and key is None and event.metadata.uid is UNSET:
            # What is held is written again after a failure whose outcome may be unknown.
            key = f"event:{secrets.token_hex(16)}"
        return key

    def _append_own(self, event: Event) -> Appended:
        return self._writer().append([self._encoder.draft(event, None, own=True)])[0]

    def _write(self, drafts: Sequence[Draft]) -> list[Appended]:
        answers = self.store.append(drafts)
        new = [answer.index for answer in answers if not answer.duplicate]
        if new and self.signing.signs:
            self._checkpoints.grown(new[0], new[-1] + 1)
        return answers

    def _held_keys(self) -> KeyStore:
        if self._keys is None:
            raise LedgerUnavailableError("audit.no-keys", f"{self.origin}: opened without its subjects' keys")
        return self._keys

    def _writer(self) -> GroupCommit:
        if os.getpid() != self._pid:
            raise LedgerUnavailableError(
                "audit.forked-process", "this ledger was opened before a fork", hint="open it in the child"
            )
        if self._closed:
            raise LedgerUnavailableError("audit.closed", "the ledger is closed")
        if self._commit is None:
            self._commit = GroupCommit(self._kept.write, self._kept.idle)
        return self._commit
