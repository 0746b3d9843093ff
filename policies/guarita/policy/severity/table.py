"""The severity table in memory: which row a rule falls to, and the rating that the row gives."""

from __future__ import annotations

import enum
import fnmatch
import functools
import re
from collections.abc import Iterable, Mapping

import msgspec

from guarita.policy.gate.finding import Severity

_TOOL_WORDS = {
    "critical": Severity.CRITICAL,
    "high": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "moderate": Severity.MEDIUM,
    "low": Severity.LOW,
    "info": Severity.INFO,
    "informational": Severity.INFO,
}
_CACHED = 1 << 14
"""Distinct questions kept. A scan asks about many findings but few rules."""


class Basis(enum.Enum):
    """What a row's level rests on."""

    PUBLISHED = "published"
    """A text that the row names, where somebody else gave this level."""
    TOOL = "tool"
    """The severity that the scanner gives with each finding."""
    JUDGEMENT = "judgement"
    """Ours, with the reason."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A published text."""

    key: str
    title: str
    publisher: str
    version: str
    """The state of the text that was read: a date, a revision, an edition."""
    url: str


class Citation(msgspec.Struct, frozen=True, kw_only=True):
    """What one source says about a rule."""

    source: Source
    says: str
    """The section or control, and its level: `KSV-0010 HIGH`."""

    def __str__(self) -> str:
        return f"{self.source.title}: {self.says}"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table. A pattern with a wildcard is a family."""

    pattern: str
    severity: Severity | None
    """None means the tool's own."""
    by_confidence: Mapping[str, Severity]
    """Levels that replace `severity` where the tool's confidence is the key."""
    title: str
    fix: str
    basis: Basis
    citations: tuple[Citation, ...]
    """The first is the one the level rests on."""
    why: str
    cwe: tuple[str, ...]

    @property
    def is_family(self) -> bool:
        return is_glob(self.pattern)

    @property
    def basis_text(self) -> str:
        """The basis in one sentence for a person."""
        cited = "; ".join(str(citation) for citation in self.citations)
        match self.basis:
            case Basis.PUBLISHED:
                return f"published: {cited}. {self.why}".rstrip()
            case Basis.TOOL:
                return "tool: the severity that the scanner gives"
            case Basis.JUDGEMENT:
                return f"judgement: {self.why} Compare {cited}." if cited else f"judgement: {self.why}"


class Rating(msgspec.Struct, frozen=True, kw_only=True):
    """What the table says about one finding."""

    severity: Severity
    title: str
    """Ours, short. Empty where no row of the rule's own or its family is there."""
    fix: str
    basis: str
    """What the severity rests on, in one sentence for a person."""
    source: tuple[Citation, ...]
    cwe: tuple[str, ...]
    pattern: str
    """The row that answered: the rule itself, a family, or empty."""


class SeverityTable:
    """Rows by rule, families by glob. Immutable, and safe to ask from several threads."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = tuple(rows)
        self._exact = {row.pattern: row for row in self.rows if not row.is_family}
        families = [row for row in self.rows if row.is_family]
        families.sort(key=lambda row: (-len(row.pattern), row.pattern))
        self._families = tuple((re.compile(fnmatch.translate(row.pattern)), row) for row in families)
        self._lookup = functools.lru_cache(maxsize=_CACHED)(self._rate)

    def row(self, rule_id: str) -> Row | None:
        """The rule's own row, else the family with the longest glob, else None."""
        if row := self._exact.get(rule_id):
            return row
        return next((row for glob, row in self._families if glob.match(rule_id)), None)

    def lookup(
        self, rule_id: str, *, tool_severity: str | None = None, confidence: str | None = None
    ) -> Rating:
        """Rate a finding of `rule_id`.

        `tool_severity` and `confidence` are the scanner's own words, in any case. A rule that no row knows
        is medium, or what the tool says if that is more.
        """
        return self._lookup(rule_id, tool_severity, confidence)

    def _rate(self, rule_id: str, tool_severity: str | None, confidence: str | None) -> Rating:
        told = _TOOL_WORDS.get((tool_severity or "").lower())
        row = self.row(rule_id)
        if row is None:
            basis = "judgement: unknown rule, not trusted to be harmless"
            return _rating(max(told or Severity.MEDIUM, Severity.MEDIUM), basis)
        severity = row.by_confidence.get((confidence or "").lower(), row.severity)
        basis = row.basis_text
        if severity is None and told is None:
            severity, basis = Severity.MEDIUM, "judgement: the scanner gave no severity that is known here"
        return _rating(severity or told or Severity.MEDIUM, basis, row)


def _rating(severity: Severity, basis: str, row: Row | None = None) -> Rating:
    return Rating(
        severity=severity,
        title=row.title if row else "",
        fix=row.fix if row else "",
        basis=basis,
        source=row.citations if row else (),
        cwe=row.cwe if row else (),
        pattern=row.pattern if row else "",
    )


def is_glob(pattern: str) -> bool:
    """Whether the pattern stands for more than one rule."""
    return any(sign in pattern for sign in "*?[")
