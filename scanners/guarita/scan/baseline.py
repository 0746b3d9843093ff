"""The baseline: fingerprints that were known on a day, so that only what is new fails."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import msgspec

from guarita.errors import UsageError
from guarita.policy.gate.verdict import State, Verdict


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One known finding; rule and severity are there for the reader."""

    fingerprint: str
    rule: str
    severity: str


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A baseline file."""

    version: int
    created: dt.datetime
    findings: list[Entry]


def load(path: Path) -> frozenset[str]:
    """The known fingerprints. Raises UsageError (`baseline.unreadable`)."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UsageError(
            "baseline.unreadable",
            f"{path}: {error.strerror}",
            hint="`guarita scan --write-baseline FILE` writes one",
        ) from error
    return parse(text, str(path))


def parse(text: bytes, source: str) -> frozenset[str]:
    """The known fingerprints of a baseline's bytes; `source` is what to call it. Raises as `load`."""
    try:
        baseline = msgspec.json.decode(text, type=Baseline)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise UsageError("baseline.unreadable", f"{source}: not a baseline: {error}") from error
    return frozenset(entry.fingerprint for entry in baseline.findings)


def write(path: Path, verdict: Verdict) -> int:
    """Write all that fails now, and all that was known, as the new baseline; give how many there are."""
    kept = {State.FAILING, State.BASELINE}
    findings = [
        Entry(fingerprint=d.finding.fingerprint, rule=d.finding.rule, severity=d.finding.severity.value)
        for d in verdict.decisions
        if d.state in kept
    ]
    findings.sort(key=lambda entry: (entry.rule, entry.fingerprint))
    text = msgspec.json.format(
        msgspec.json.encode(Baseline(version=1, created=verdict.started, findings=findings)), indent=1
    )
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(text + b"\n")
    os.replace(partial, path)  # noqa: PTH105  # atomic: a reader sees the old file or the new one
    return len(findings)
