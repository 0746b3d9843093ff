"""The seam between the ledger and where it is kept: what a store takes, gives and may raise."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from guarita.audit.merkle.tree import CompactRange, Node, leaf_hash

RESERVED: Final = "guarita.ledger:"
"""How idempotency keys begin that only the ledger itself gives. Such entries are never pruned."""
RESERVED_END: Final = "guarita.ledger;"
"""The first key after all of those."""


class Draft(NamedTuple):
    """An entry before it has an index."""

    body: bytes
    """The exact bytes that are hashed and stored."""
    uid: str | None = None
    """Its idempotency key. The same bytes hold it as `metadata.uid`, so it is covered by the hash."""


class Appended(msgspec.Struct, frozen=True):
    """An entry that is durable, unless it is `buffered`."""

    index: int
    leaf_hash: bytes
    duplicate: bool = False
    """Whether the key was known already: index and hash are those of the entry that has it."""
    buffered: bool = False
    """Whether it is only held in memory, because the ledger cannot be written and its opener chose that. Then it is
    not durable yet, and `index` is -1."""


class Leaf(msgspec.Struct, frozen=True):
    """A stored entry."""

    index: int
    hash: bytes
    """As stored. Whoever relies on `body` compares it with `leaf_hash(body)`."""
    body: bytes
    uid: str | None = None


class Checkpoint(NamedTuple):
    """A stored checkpoint: a C2SP signed note, with the tree size it is filed under."""

    size: int
    note: str


class Store(abc.ABC):
    """Where a ledger is kept. Safe to use from several threads.

    Every method raises LedgerUnavailableError when the place cannot be reached or written, and LedgerCorruptError
    when what it finds cannot be a ledger.
    """

    origin: str
    """The log's name, the first line of its checkpoints; given at creation, never changed."""

    @abc.abstractmethod
    def append(self, drafts: Sequence[Draft]) -> list[Appended]:
        """Write entries, all or none, durably, one after another with no gap.

        Takes the place's own lock, so that other processes and nodes may append to the same sequence.
        An entry whose key is known is not written again.
        """

    def paths(self) -> tuple[Path, ...]:
        """The files that it is kept in, absolute; none for a server."""
        return ()

    @abc.abstractmethod
    def head(self) -> CompactRange:
        """Size and compact range as they are now."""

    @abc.abstractmethod
    def hashes(self, level: int, start: int, stop: int) -> bytes:
        """Stored hashes of a tile level, 32 bytes each, as far as they exist.

        Level 0 is the leaves, level n the roots of complete subtrees of 256**n leaves: the layout of C2SP
        tlog-tiles.
        """

    @abc.abstractmethod
    def leaves(self, start: int = 0, stop: int | None = None) -> Iterator[Leaf]:
        """Entries in order of index, read in pieces: no long transaction, no list of everything.

        Entries appended meanwhile may be seen when `stop` is None. A missing one, and one whose body is
        archived, ends the iteration early; whoever needs all of them counts.
        """

    @abc.abstractmethod
    def nodes(self) -> Iterator[Node]:
        """Every stored node above the leaves, by level and index."""

    @abc.abstractmethod
    def find(self, uids: Iterable[str]) -> dict[str, Leaf]:
        """The entries that have these idempotency keys. The body of an archived one is empty."""

    @abc.abstractmethod
    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """File a checkpoint; one of the same size is replaced."""

    @abc.abstractmethod
    def checkpoints(self) -> list[Checkpoint]:
        """Every checkpoint, smallest first."""

    @abc.abstractmethod
    def latest_checkpoint(self) -> Checkpoint | None:
        """The largest checkpoint."""

    @abc.abstractmethod
    def verifiers(self) -> list[str]:
        """The public keys (C2SP vkey) that this log has recorded for itself, oldest first."""

    @abc.abstractmethod
    def add_verifier(self, vkey: str) -> None:
        """Record a public key; a known one is left as it is."""

    @abc.abstractmethod
    def archived(self) -> int:
        """The bodies of entries below this index were pruned; their hashes and keys remain. At first 0."""

    @abc.abstractmethod
    def prune(self, stop: int) -> None:
        """Delete the bodies below `stop` but those of RESERVED keys, piece by piece, so that writers wait for no long transaction.

        Whoever calls has made sure that an archive holds them, and that the log says so in an entry.
        Repeating it after an interruption finishes what is left.
        """

    @abc.abstractmethod
    def state(self, prefix: str) -> dict[str, str]:
        """What parts around the log keep beside it, by key: cursors of sinks. Never part of the log."""

    @abc.abstractmethod
    def swap_state(self, key: str, old: str | None, new: str) -> bool:
        """Durably replace the value of a key if it still is `old` (None: absent); says whether it was."""

    def check(self) -> None:
        """Have the place look over what it keeps, its indexes too, as part of verifying everything.

        Raises LedgerCorruptError when it finds damage of its own. Places that cannot do nothing.
        """
        return

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of connections and files. May be called twice."""


class Plan(NamedTuple):
    """What one transaction writes: entries, nodes, the head after them, and what the callers are told."""

    leaves: list[Leaf]
    nodes: list[Node]
    head: CompactRange
    answers: list[Appended]


def plan(head: CompactRange, drafts: Sequence[Draft], known: Mapping[str, Leaf]) -> Plan:
    """Lay out a batch after `head`. `known` holds the entries that already have one of its keys."""
    taken = {uid: Appended(leaf.index, leaf.hash, duplicate=True) for uid, leaf in known.items()}
    made = Plan([], [], CompactRange(head.size, head.peaks), [])
    for body, uid in drafts:
        if uid is not None and uid in taken:
            made.answers.append(taken[uid])
            continue
        answer = Appended(made.head.size, leaf_hash(body))
        made.leaves.append(Leaf(answer.index, answer.leaf_hash, body, uid))
        made.nodes.extend(made.head.append(answer.leaf_hash))
        made.answers.append(answer)
        if uid is not None:
            taken[uid] = Appended(answer.index, answer.leaf_hash, duplicate=True)
    return made
