"""The one finding type: what any scanner reports, and how a finding keeps its identity."""

from __future__ import annotations

import enum
import functools
import hashlib
from collections import Counter
from collections.abc import Iterable

import msgspec


@functools.total_ordering
class Severity(enum.Enum):
    """The one scale, from least to worst."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info up to 4 for critical."""
        return _RANK[self]

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Severity):
            return NotImplemented
        return self.rank < other.rank


_RANK = {severity: rank for rank, severity in enumerate(Severity)}


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """A place in the scanned tree. Lines and columns count from 1; line 0 means the file as a whole."""

    path: str
    """Relative to the scanned root, with `/`; bytes that are not UTF-8 stand as surrogate escapes."""
    line: int = 0
    end_line: int = 0
    column: int = 0
    end_column: int = 0
    label: str = ""
    """Where lines mean little: `page 3`, `row 17`, `cell 4`."""


class Suppression(msgspec.Struct, frozen=True, kw_only=True):
    """An inline comment or annotation that asks for a finding to be hidden. The policy decides."""

    kind: str
    """The directive: `nosec`, `checkov:skip`, `kingfisher:ignore`."""
    reason: str = ""
    """What the author wrote beside it."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One fault at one place, as one scanner reports it.

    `anchor` names what the fault hangs on: a resource (`Deployment/prod/search`), a syntax node, a masked
    line. With the rule it makes the fingerprint, so it holds neither a line number nor the file's name.
    """

    scanner: str
    rule: str
    title: str
    severity: Severity
    location: Location
    anchor: str
    message: str = ""
    severity_basis: str = ""
    """What the severity rests on: a published text, the tool itself, or our judgement."""
    fix: str = ""
    help_url: str = ""
    resource: str = ""
    """The resource as a person would name it, empty where there is none."""
    snippet: tuple[tuple[int, str], ...] = ()
    """(line, text) pairs to show. Empty where the text itself must not be shown: secrets and personal data."""
    suppression: Suppression | None = None
    confidence: str = ""
    cwe: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    """Other `scanner:rule` pairs that reported the same fault, merged into this finding."""
    fingerprint: str = ""
    """32 hex digits, given by `with_fingerprints`."""


def with_fingerprints(findings: Iterable[Finding]) -> list[Finding]:
    """Give every finding its fingerprint, in order of place.

    The fingerprint hashes rule, anchor and how many findings with both came before it. It survives lines
    that move and files that are renamed, and a second fault of the same rule on the same thing is new.
    """
    seen: Counter[tuple[str, str]] = Counter()
    answer = []
    for finding in sorted(findings, key=_place):
        key = (finding.rule, finding.anchor)
        occurrence = seen[key]
        seen[key] += 1
        answer.append(
            msgspec.structs.replace(
                finding, fingerprint=fingerprint(finding.rule, finding.anchor, occurrence)
            )
        )
    return answer


def fingerprint(rule: str, anchor: str, occurrence: int) -> str:
    """The identity of a finding: 128 bits of SHA-256 over rule, anchor and occurrence (from 0)."""
    text = "\0".join(("guarita.finding/1", rule, anchor, str(occurrence)))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _place(finding: Finding) -> tuple[str, int, int, str, str]:
    where = finding.location
    return (where.path, where.line, where.column, finding.rule, finding.anchor)
