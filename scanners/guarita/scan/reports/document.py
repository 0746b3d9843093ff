"""The JSON report as types, and a verdict brought into them.

The types stand apart from the gate's own, so that what others read changes only on purpose. A finding's
anchor is left out: it is what the fingerprint hashes, and no use to a reader.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from guarita.policy.frameworks import FrameworkCoverage, Status
from guarita.policy.frameworks.coverage import ControlCoverage
from guarita.policy.gate.coverage import FileCoverage, FileStatus
from guarita.policy.gate.finding import Severity
from guarita.policy.gate.verdict import Decision, PolicyOrigin, Result, State, Verdict
from guarita.scan.reports.escape import is_utf8, percent, printable

VERSION = "guarita.report/1"
"""Changes when a field goes or changes its meaning; new fields may come within a version."""
NOT_ASCII = re.compile(r"[^\x00-\x7f]")
Count = Annotated[int, Meta(ge=0)]
Hex = Annotated[str, Meta(pattern="^[0-9a-f]*$")]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What all parts of the document have in common."""


class PlaceDocument(Part, frozen=True):
    """A place in the tree. Lines and columns count from 1; line 0 means the file as a whole."""

    path: str
    line: Count
    end_line: Count
    column: Count
    end_column: Count
    label: str
    path_encoding: Literal["percent"] | UnsetType = UNSET
    """Present when the path is not UTF-8: `path` is then its bytes, percent-encoded (RFC 3986)."""


class SuppressionDocument(Part, frozen=True):
    """An inline comment that asks for the finding to be hidden."""

    kind: str
    reason: str


class FindingDocument(Part, frozen=True):
    """One fault at one place."""

    scanner: str
    rule: str
    title: str
    severity: Severity
    severity_basis: str
    location: PlaceDocument
    message: str
    fix: str
    help_url: str
    resource: str
    snippet: tuple[tuple[int, str], ...]
    """(line, text) pairs. Empty for secrets and personal data."""
    suppression: SuppressionDocument | None
    confidence: str
    cwe: tuple[str, ...]
    also: tuple[str, ...]
    """Other `scanner:rule` pairs that reported the same fault."""
    fingerprint: Hex


class DecisionDocument(Part, frozen=True):
    """A finding and what the policy decided about it."""

    finding: FindingDocument
    state: State
    threshold: Severity
    reason: str
    tool_severity: Severity | None
    until: dt.date | None
    """For a waived finding: the last day on which the policy's waivers excuse it."""
    otherwise: State | None
    """What it would be at or above the threshold and without any waiver."""


class FileDocument(Part, frozen=True):
    """How one file ended."""

    path: str
    status: FileStatus
    scanners: tuple[str, ...]
    rule: str
    reason: str
    path_encoding: Literal["percent"] | UnsetType = UNSET


class CoverageDocument(Part, frozen=True):
    """How every file of the tree ended."""

    files: tuple[FileDocument, ...]


class ProblemDocument(Part, frozen=True):
    """A scanner that did not finish, in its own words."""

    code: str
    message: str
    scanner: str
    hint: str


class ScannerDocument(Part, frozen=True):
    """One scanner's part in the run."""

    name: str
    tool: str
    files: Count
    seconds: float
    findings: Count
    status: str


class CountsDocument(Part, frozen=True):
    """Findings by state and by severity, files by status."""

    by_state: dict[str, Count]
    by_severity: dict[str, Count]
    coverage: dict[str, Count]


class RecordedDocument(Part, frozen=True):
    """Where the verdict stands in the audit ledger."""

    origin: str
    index: Count


class StandingDocument(Part, frozen=True):
    """A finding against a control, and what the policy decided about it."""

    fingerprint: Hex
    rule: str
    state: State


class RanDocument(Part, frozen=True):
    """A check that ran, and over what."""

    check: str
    over: str


class ControlDocument(Part, frozen=True):
    """One control of a framework."""

    id: str
    title: str
    status: Status
    reason: str
    ran: tuple[RanDocument, ...]
    standing: tuple[StandingDocument, ...]


class FrameworkDocument(Part, frozen=True):
    """A framework's controls, and how many ended how. Passing is no certification."""

    name: str
    title: str
    edition: str
    counts: dict[str, Count]
    controls: tuple[ControlDocument, ...]


class ReportDocument(Part, frozen=True):
    """The verdict of one run of `guarita scan`, with all that it rests on."""

    schema: Literal["guarita.report/1"]
    result: Result
    scan_id: str
    started: dt.datetime
    seconds: float
    root: str
    revision: str
    base: str
    fail_on: Severity
    fail_on_given: bool
    policy_origin: PolicyOrigin
    policy_source: str
    digests: dict[str, str]
    counts: CountsDocument
    decisions: tuple[DecisionDocument, ...]
    coverage: CoverageDocument
    problems: tuple[ProblemDocument, ...]
    scanners: tuple[ScannerDocument, ...]
    frameworks: tuple[FrameworkDocument, ...]
    notes: tuple[str, ...]
    recorded: RecordedDocument | None
    """None where the run left no record."""


P = TypeVar("P", bound=Part)


def document(verdict: Verdict) -> ReportDocument:
    """The document for a verdict. Text that is not Unicode is shown by escapes; paths as `path_encoding` says."""
    return _same(
        ReportDocument,
        verdict,
        schema=VERSION,
        digests={_text(name): _text(digest) for name, digest in verdict.digests.items()},
        counts=CountsDocument(
            by_state=verdict.by_state(),
            by_severity=verdict.by_severity(),
            coverage=verdict.coverage.counts(),
        ),
        decisions=_decisions(verdict.decisions),
        coverage=CoverageDocument(files=_files(verdict.coverage.files)),
        problems=tuple(_same(ProblemDocument, problem) for problem in verdict.problems),
        scanners=tuple(_same(ScannerDocument, run) for run in verdict.scanners),
        frameworks=tuple(_framework(one) for one in verdict.frameworks),
        recorded=_same(RecordedDocument, verdict.recorded) if verdict.recorded else None,
    )


def _framework(one: FrameworkCoverage) -> FrameworkDocument:
    controls = msgspec.convert(_plain_rules(one.controls), tuple[ControlDocument, ...])
    return _same(FrameworkDocument, one, counts=one.counts(), controls=controls)


def _plain_rules(controls: tuple[ControlCoverage, ...]) -> Any:
    """The controls as plain data; a rule may be anybody's, and hold what is not Unicode."""
    return [
        {
            **msgspec.structs.asdict(control),
            "status": control.status.value,
            "ran": [msgspec.structs.asdict(ran) for ran in control.ran],
            "standing": [
                {"fingerprint": one.fingerprint, "rule": _text(one.rule), "state": one.state}
                for one in control.standing
            ],
        }
        for control in controls
    ]


def encode(value: Any) -> bytes:
    """JSON in ASCII, indented, that a terminal and a CI log can show: nothing in it acts on either.

    `##` is where a CI system may look for a command, so its second half is written as an escape.
    """
    text = msgspec.json.format(msgspec.json.encode(value), indent=1).decode()
    if not text.isascii():
        text = NOT_ASCII.sub(_escaped, text)
    return text.replace("##", "#\\u0023").encode() + b"\n"


def _escaped(match: re.Match[str]) -> str:
    """Characters as JSON escapes (RFC 8259, 7): one above the Basic Multilingual Plane as two surrogates."""
    units = match.group().encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _decisions(decisions: tuple[Decision, ...]) -> tuple[DecisionDocument, ...]:
    if _is_text(decisions):
        return msgspec.convert(decisions, tuple[DecisionDocument, ...], from_attributes=True)
    return tuple(_decision(decision) for decision in decisions)


def _files(files: tuple[FileCoverage, ...]) -> tuple[FileDocument, ...]:
    if _is_text(files):
        return msgspec.convert(files, tuple[FileDocument, ...], from_attributes=True)
    return tuple(_same(FileDocument, file, **_path(file.path)) for file in files)


def _is_text(value: object) -> bool:
    """Whether no text anywhere in it holds a surrogate: then nothing has to be shown otherwise than it is."""
    try:
        msgspec.json.encode(value)
    except UnicodeEncodeError:
        return False
    return True


def _decision(decision: Decision) -> DecisionDocument:
    finding = decision.finding
    suppression = finding.suppression
    return _same(
        DecisionDocument,
        decision,
        finding=_same(
            FindingDocument,
            finding,
            location=_same(PlaceDocument, finding.location, **_path(finding.location.path)),
            suppression=_same(SuppressionDocument, suppression) if suppression else None,
        ),
    )


def _same(kind: type[P], source: msgspec.Struct, **given: Any) -> P:
    """The part of a document with the fields that its source has under the same names."""
    for field in _common(kind, type(source)):
        if field not in given:
            value = getattr(source, field)
            given[field] = value if value.__class__ is str and value.isascii() else _plain(value)
    return kind(**given)


@functools.cache
def _common(kind: type[msgspec.Struct], source: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(field for field in kind.__struct_fields__ if hasattr(source, field))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value


def _path(path: str) -> dict[str, Any]:
    return {"path": path} if is_utf8(path) else {"path": percent(path), "path_encoding": "percent"}


def _text(text: str) -> str:
    return text if is_utf8(text) else printable(text)
