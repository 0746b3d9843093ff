"""What a check answers: a decision, why, what was found where, and the document without it. No value is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from guarita.pii.entities import title
from guarita.pii.handling import Decision
from guarita.pii.reading.interface import Found

REASONS: Final = {
    "pii.rule": "A rule of the policy, or what holds otherwise, decided about data that was found.",
    "pii.pictures": "There are pictures in it, whose content nobody reads, and the policy does not let that pass.",
    "pii.embedded": "There are objects in it that nobody reads: a redacted document is without them, or it is blocked.",
    "pii.redacted": "It was redacted, and the result was read again: nothing is left.",
    "pii.not-clean": "It was redacted, and the result still holds data: it is not given out.",
    "pii.quarantined": "It ended the process that reads it too often.",
}
"""Codes of reasons, beside those of a document that cannot be read."""


class Reason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One reason of a decision."""

    code: str
    """One of `REASONS`, or of `guarita.pii.documents.CODES`."""
    text: str
    """For a person."""
    decision: Decision
    rule: str = ""
    hint: str = ""


class Placed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One datum: what, where, how sure, and what is to be done about it."""

    entity: str
    title: str
    line: int = 0
    column: int = 0
    label: str = ""
    """Where lines mean little: `page 3`, `sheet 2, row 17, column C`."""
    length: int = 0
    """Characters."""
    score: float = 0.0
    confidence: str = "low"
    suspect: bool = False
    reasons: str = ""
    data_class: str = ""
    decision: Decision = Decision.REDACT
    rule: str = ""
    anchor: str = ""
    fingerprint: str = ""
    """The same for the same datum of a tenant, during one period."""

    @property
    def where(self) -> str:
        """The place in words."""
        return self.label or (f"line {self.line}" if self.line else "the document")

    @classmethod
    def of(cls, found: Found, fingerprint: str) -> Placed:
        """What a worker has found, without the value."""
        return cls(
            entity=found.entity,
            title=title(found.entity),
            line=found.line,
            column=found.column,
            label=found.label,
            length=found.length,
            score=round(found.score, 3),
            confidence=found.confidence,
            suspect=found.suspect,
            reasons=found.reasons,
            data_class=found.data_class,
            decision=Decision(found.decision),
            rule=found.rule,
            anchor=found.anchor,
            fingerprint=fingerprint,
        )


class Recorded(msgspec.Struct, frozen=True):
    """Where in the ledger it stands."""

    origin: str
    index: int
    """-1 while the ledger holds it back because it cannot be written."""


class Redacted(msgspec.Struct, frozen=True, kw_only=True):
    """A redacted document, read again and found clean."""

    edits: int
    """Places that were redacted."""
    removed: dict[str, int]
    """What was taken out as a whole, by kind: `comment`, `attachment`."""
    rounds: int
    path: Path | None = None
    data: bytes | None = None
    """The document, unless it was written to `path`."""

    def __repr__(self) -> str:
        return f"Redacted({self.edits} edits)"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a check answers."""

    decision: Decision
    reasons: tuple[Reason, ...]
    name: str
    """The document's name, without what is personal in it."""
    source: str = ""
    """Where it comes from, in the same way."""
    document: str
    """A keyed digest of its content: its name in the ledger."""
    kind: str = ""
    findings: tuple[Placed, ...] = ()
    """The first of them, see `total`."""
    counts: dict[str, int] = {}
    """Data by entity type; all of them."""
    unread: dict[str, int] = {}
    redacted: Redacted | None = None
    recorded: Recorded | None = None

    @property
    def total(self) -> int:
        """How many data there are."""
        return sum(self.counts.values())

    @property
    def unknown(self) -> bool:
        """Whether it could not be read to its end."""
        return any(reason.code.startswith("document.") for reason in self.reasons)
