"""What goes between a caller and the process that reads for it: an order, findings on the way, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from guarita.config.pii import PiiSection
from guarita.config.pii_handling import HandlingSection

FOUND = "found"
"""The kind of message that brings findings."""
TOKENS = "tokens"
"""The kind of message that asks for what stands in the place of data."""
MOST = 20_000
"""Findings in one document that are placed; all are counted."""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is told when it starts."""

    section: PiiSection = PiiSection()
    memory: int = 3072 << 20
    """Bytes of address space."""


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One document to read; it comes as an open file. `redact` comes with a second one to write to."""

    op: Literal["name", "inspect", "redact"] = "inspect"
    """`name` looks at `name` and `source` alone."""
    name: str = ""
    """Its own name; the ending is a hint."""
    tenant: str = ""
    source: str = ""
    """Where it comes from, as rules name it."""
    seconds: float = 120.0
    """Of CPU time. Whoever waits for the answer bounds the time on the clock."""
    values: bool = False
    """Whether the findings bring what was found, for keyed digests."""
    handling: HandlingSection | None = None
    """Instead of the one that the worker was set up with."""
    container_bytes: int | None = None
    pages: int | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One datum, placed, and what is to be done about it."""

    entity: str
    line: int = 0
    column: int = 0
    label: str = ""
    length: int = 0
    """Characters."""
    anchor: str = ""
    score: float = 0.0
    confidence: str = "low"
    suspect: bool = False
    reasons: str = ""
    data_class: str = ""
    decision: str = ""
    method: str = ""
    rule: str = ""
    basis: str = ""
    canonical: str | None = None
    """The datum in its one spelling, where it was asked for. Never kept, never shown."""

    def __repr__(self) -> str:
        return f"Found({self.entity} at line {self.line}, {self.label!r})"


class Read(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How reading ended."""

    kind: str = ""
    """`pdf`, `docx`, …"""
    name: str = ""
    """The document's name with what is personal in it replaced."""
    source: str = ""
    """Where it comes from, in the same way."""
    code: str = ""
    """Why it was not read to its end; empty when it was."""
    error: str = ""
    hint: str = ""
    counts: dict[str, int] = {}
    """Data by entity type; all of them."""
    decisions: dict[str, int] = {}
    """Data by what is to be done about them; all of them."""
    unread: dict[str, int] = {}
    """What is in it and was not read, by kind: `picture`."""
    edits: int = 0
    """Places that were redacted."""
    removed: dict[str, int] = {}
    """What was taken out as a whole, by kind: `comment`, `attachment`."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Data that tokens are wanted for: (method, entity, text) each."""

    wanted: list[tuple[str, str, str]]

    def __repr__(self) -> str:
        return f"Ask({len(self.wanted)})"


OnFound = Callable[[Sequence[Found]], None]
"""Gets findings as they come."""
Tokens = Callable[[Sequence[tuple[str, str, str]]], list[str]]
"""Gives what stands in the place of each (method, entity, text)."""
