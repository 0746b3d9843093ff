"""A JSON report read back, as far as judging it again needs. Fields that other versions add are passed over."""

from __future__ import annotations

import datetime as dt
import os
import urllib.parse
from pathlib import Path
from typing import Literal

import msgspec

from guarita.errors import UsageError
from guarita.policy.gate.coverage import FileStatus
from guarita.policy.gate.finding import Finding, Location, Severity, Suppression
from guarita.policy.gate.verdict import PolicyOrigin, Result, State


class _Place(msgspec.Struct):
    path: str
    line: int = 0
    label: str = ""
    path_encoding: str = ""


class _Finding(msgspec.Struct):
    scanner: str
    rule: str
    title: str
    severity: Severity
    location: _Place
    fingerprint: str
    resource: str = ""
    suppression: Suppression | None = None


class StoredDecision(msgspec.Struct):
    """What was decided about a finding."""

    finding: _Finding
    state: State
    tool_severity: Severity | None = None
    otherwise: State | None = None

    def as_found(self) -> Finding:
        """The finding as its scanner rated it, before any override of the policy of then."""
        found = self.finding
        place = Location(path=_path(found.location), line=found.location.line, label=found.location.label)
        return Finding(
            scanner=found.scanner,
            rule=found.rule,
            title=found.title,
            severity=self.tool_severity or found.severity,
            location=place,
            anchor="",
            resource=found.resource,
            suppression=found.suppression,
            fingerprint=found.fingerprint,
        )


class StoredFile(msgspec.Struct):
    """How a file ended."""

    path: str
    status: FileStatus
    rule: str = ""
    path_encoding: str = ""

    @property
    def name(self) -> str:
        """The path as the tree has it."""
        return _path(self)


class _Coverage(msgspec.Struct):
    files: list[StoredFile] = []


class _Scanner(msgspec.Struct):
    name: str


class StoredReport(msgspec.Struct):
    """The report of one run of the gate."""

    schema: Literal["guarita.report/1"]
    result: Result
    started: dt.datetime
    revision: str
    base: str
    fail_on: Severity
    policy_origin: PolicyOrigin
    digests: dict[str, str]
    decisions: list[StoredDecision]
    coverage: _Coverage
    scanners: list[_Scanner]
    fail_on_given: bool = False


def read_report(path: Path) -> StoredReport:
    """Read what `guarita scan --output json=FILE` wrote. Raises UsageError (`what-if.report`)."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=StoredReport)
    except OSError as error:
        raise UsageError("what-if.report", f"{path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            "what-if.report",
            f"{path}: no JSON report of the gate: {error}",
            hint="guarita scan --output json=FILE",
        ) from error


def _path(place: _Place | StoredFile) -> str:
    if place.path_encoding == "percent":
        return os.fsdecode(urllib.parse.unquote_to_bytes(place.path))
    return place.path
