"""The one pass over the ledger: every entry is compared with its hash, the tree rebuilt, and its event collected.

It goes on where it stopped, so that a page which is kept live reads only what is new. Its memory is bounded, however long the
log is and whatever stands in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from guarita.audit import Ledger, LedgerCorruptError, SignedCheckpoint
from guarita.audit.continues import shrunk
from guarita.audit.merkle.nodes import Nodes
from guarita.audit.merkle.tree import CompactRange
from guarita.report.facts.denials import DenialCollector
from guarita.report.facts.detections import AlertCollector, DetectionCollector
from guarita.report.facts.gates import GateCollector
from guarita.report.facts.interface import AHEAD, Collector, Window
from guarita.report.facts.personal import PersonalCollector
from guarita.report.facts.secrets import SecretCollector
from guarita.report.facts.writers import WriterCollector
from guarita.report.interface import Unread
from guarita.report.seen import decode

Progress = Callable[[int, int], None]
"""Called with how many entries are read, and of how many."""
_STEP: Final = 4096


class Reading:
    """What one ledger says over a window of days. Of one window: make another when the day changes."""

    def __init__(self, window: Window) -> None:
        self.gates = GateCollector()
        self.secrets = SecretCollector()
        self.denials = DenialCollector()
        self.personal = PersonalCollector()
        self.detections = DetectionCollector()
        self.alerts = AlertCollector()
        self.writers = WriterCollector()
        self._by_class: dict[int, list[Collector]] = {}
        for collector in (
            self.gates, self.secrets, self.denials, self.personal, self.detections, self.alerts, self.writers,
        ):  # fmt: skip
            for class_uid in collector.classes:
                self._by_class.setdefault(class_uid, []).append(collector)
        self.window = window
        self.started_at = 0
        """The first entry that was read; those before are archived."""
        self.first_time: int | None = None
        """The time of that entry."""
        self.signed: int | None = None
        """The size of the newest checkpoint, under whose root what was read stands."""
        self.signed_until: int | None = None
        self.unsigned_since: int | None = None
        self._tree: CompactRange | None = None
        self._malformed = 0
        self._future = 0

    @property
    def size(self) -> int:
        """Entries below this index are read and verified."""
        return self._tree.size if self._tree else 0

    def unread(self) -> Unread:
        """What the posture leaves out."""
        return Unread(archived=self.started_at, malformed=self._malformed, future=self._future)

    def read(self, ledger: Ledger, now: int, progress: Progress = lambda *_: None) -> None:
        """Read what is new. `now` is in ms since the epoch.

        Raises LedgerCorruptError, with the first entry that is wrong where it can be placed; what was read until then is not
        to be relied on. Raises LedgerUnavailableError.
        """
        self.window = Window(self.window.first, now)
        # In this order: while others append, the head is at least as new as the checkpoint.
        signed = ledger.signing.latest() if ledger.store.latest_checkpoint() is not None else None
        head = ledger.store.head()
        tree = self._begun(ledger, head.size)
        if signed is not None and signed.size < tree.size:
            # Its entries were read before; the hashes that were compared with their bytes then are stored.
            _same(Nodes(ledger.store.hashes).range(0, signed.size), signed)
        for leaf in ledger.entries(tree.size, head.size):
            if signed is not None and tree.size == signed.size:
                _same(tree.root(), signed)
            tree.append(leaf.hash)
            time = self._collect(leaf.index, leaf.body)
            if leaf.index == self.started_at:
                self.first_time = time
            if not leaf.index % _STEP:
                progress(leaf.index, head.size)
        if signed is not None and tree.size == signed.size:
            _same(tree.root(), signed)
        _ends(tree, head)
        self.signed = signed.size if signed is not None else None
        self._date_signature(ledger, head.size)
        progress(head.size, head.size)

    def _begun(self, ledger: Ledger, size: int) -> CompactRange:
        """The tree as far as it is read: at first, that of the entries that are archived."""
        if self._tree is None:
            self.started_at = min(ledger.archived, size)
            self._tree = CompactRange(self.started_at, Nodes(ledger.store.hashes).peaks(self.started_at))
        if size < self._tree.size:
            raise shrunk(size, self._tree.size)
        return self._tree

    def _collect(self, index: int, body: bytes) -> int | None:
        """Gives the time that the event says."""
        try:
            event = decode(body)
        except msgspec.DecodeError:
            self._malformed += 1
            return None
        window = self.window
        if event.time > window.now + AHEAD:
            self._future += 1
        try:
            for collector in self._by_class.get(event.class_uid, ()):
                collector.take(index, event, window)
        except msgspec.DecodeError:
            self._malformed += 1
        return event.time

    def _date_signature(self, ledger: Ledger, size: int) -> None:
        signed = self.signed or 0
        self.signed_until = _time(ledger, signed - 1) if signed > self.started_at else None
        self.unsigned_since = _time(ledger, signed) if self.started_at <= signed < size else None


def _same(root: bytes, signed: SignedCheckpoint) -> None:
    if root != signed.root:
        raise LedgerCorruptError(
            "audit.forked", f"the log is not the one that it signed at size {signed.size}"
        )


def _ends(tree: CompactRange, head: CompactRange) -> None:
    if tree.size != head.size:
        raise LedgerCorruptError(
            "audit.missing",
            f"leaf {tree.size} is missing; the log says that it has {head.size}",
            index=tree.size,
        )
    if tree.root() != head.root():
        raise LedgerCorruptError("audit.forked", "the log's entries are not those that its head stands on")


def _time(ledger: Ledger, index: int) -> int | None:
    leaf = next(ledger.entries(index, index + 1), None)
    try:
        return decode(leaf.body).time if leaf is not None else None
    except msgspec.DecodeError:
        return None
