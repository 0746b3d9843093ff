"""The ledger: events in, durable and in one sequence; proofs, checks and answers out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from guarita.audit.commit import GroupCommit
from guarita.audit.encode import Encoder
from guarita.audit.errors import LedgerError, LedgerUnavailableError
from guarita.audit.events.classes import Event
from guarita.audit.heartbeat import Heartbeat
from guarita.audit.query import Found, Query, select
from guarita.audit.sealing import erase as erasure
from guarita.audit.sealing import fields
from guarita.audit.sealing.fields import Sealer
from guarita.audit.sealing.interface import KeyStore
from guarita.audit.stores.interface import Appended, Leaf, Store
from guarita.audit.verify import Progress, Verified, checked, verify_leaves


class Ledger:
    """One open ledger, for any number of threads and asyncio tasks of this process.

    Close it, or use it as a context manager. It does not survive `fork`: open it in the child.
    """

    def __init__(self, store: Store, keys: KeyStore | None = None) -> None:
        """`keys` holds the subjects' keys; without it personal fields are neither written nor opened."""
        self.store = store
        self._keys = keys
        self._encoder = Encoder(None if keys is None else Sealer(store.origin, keys))
        self._commit: GroupCommit | None = None
        self._pid = os.getpid()

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
        return (*self.store.paths(), *(self._keys.paths() if self._keys else ()))

    @property
    def archived(self) -> int:
        """The bodies of entries below this index are not here but in an archive; 0 at first."""
        return self.store.archived()

    def append(self, event: Event, *, idempotency_key: str | None = None) -> Appended:
        """Write an event; returns after it is durable.

        With a key (here, or already as `metadata.uid`) a retry is harmless: the first entry stands, and its
        index is given again. Raises EventRefusedError for an event that may not enter, LedgerUnavailableError when
        the ledger cannot be written; then nothing is acknowledged, and an event without a key may or may
        not be there.
        """
        return self._writer().append([self._encoder.draft(event, idempotency_key)])[0]

    def append_all(self, events: Iterable[Event]) -> list[Appended]:
        """Write several events side by side in the sequence, all or none. Raises as `append`."""
        drafts = [self._encoder.draft(event, None) for event in events]
        return self._writer().append(drafts) if drafts else []

    async def aappend(self, event: Event, *, idempotency_key: str | None = None) -> Appended:
        """As `append`, for asyncio tasks."""
        return (await self._writer().aappend([self._encoder.draft(event, idempotency_key)]))[0]

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
        return erasure.erase(self._held_keys(), subject, self._record)

    def replay_erasures(self) -> list[erasure.Erased]:
        """Destroy again what the log says was erased: for after a backup of the key store was put back."""
        erasures = (found for found in self.query(Query(class_uid=3004)) if erasure.is_erasure(found.event))
        return erasure.replay(self._held_keys(), erasures, self._record)

    def heartbeats(self, period: float, *, writer: str | None = None) -> Heartbeat:
        """A context in which this process says in the log, every `period` seconds, that it is there.

        `writer` names it (default: program and host). Entering writes the start, and raises as `append`;
        leaving writes the orderly stop.
        """
        return Heartbeat(self.append, period=period, writer=writer)

    def verify(self, *, progress: Progress = lambda *_: None) -> Verified:
        """Verify the whole log from its bytes. Raises LedgerCorruptError with the first index that is wrong."""
        head = self.store.head()
        for _ in verify_leaves(self.store, head, progress=progress):
            pass
        archived = min(self.store.archived(), head.size)
        return Verified(origin=self.origin, size=head.size, root=head.root().hex(), archived=archived)

    def close(self) -> None:
        """Write what is pending and let go of the store."""
        if self._commit is not None:
            self._commit.close()
            self._commit = None
        self.store.close()
        if self._keys is not None:
            self._keys.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _record(self, event: Event, key: str) -> Appended:
        return self.append(event, idempotency_key=key)

    def _held_keys(self) -> KeyStore:
        if self._keys is None:
            raise LedgerUnavailableError("audit.no-keys", f"{self.origin}: opened without its subjects' keys")
        return self._keys

    def _writer(self) -> GroupCommit:
        if os.getpid() != self._pid:
            raise LedgerUnavailableError(
                "audit.forked-process", "this ledger was opened before a fork", hint="open it in the child"
            )
        if self._commit is None:
            self._commit = GroupCommit(self.store.append)
        return self._commit
