"""What a verdict rests on, each as one SHA-256 in hex: with all of them at hand the gate can be run again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from guarita.config import ScanSection
from guarita.policy.gate.verdict import Decision, ScannerRun


def digests(
    *,
    tree: str,
    policy: ScanSection,
    runs: Sequence[ScannerRun],
    decisions: Sequence[Decision],
    baseline: frozenset[str] = frozenset(),
    advisories: Sequence[Path] = (),
) -> dict[str, str]:
    """The digests of a verdict. `baseline` and `advisories` are there where the run had any."""
    found = {
        "tree": tree,
        "policy": policy_digest(policy),
        "waivers": _digest(policy.waivers),
        "scanners": _digest([[run.name, run.tool] for run in runs]),
        "findings": _digest(sorted([d.finding.fingerprint, d.finding.severity, d.state] for d in decisions)),
    }
    if baseline:
        found["baseline"] = baseline_digest(baseline)
    if advisories:
        found["advisories"] = advisories_digest(advisories)
    return found


def policy_digest(policy: ScanSection) -> str:
    """Of what the policy says, whatever its layout and comments."""
    return _digest(policy)


def baseline_digest(fingerprints: Iterable[str]) -> str:
    """Of the fingerprints that were known."""
    return _digest(sorted(fingerprints))


def advisories_digest(files: Iterable[Path]) -> str:
    """Of the contents of files with known vulnerabilities, in any order. Raises OSError."""
    found = []
    for file in files:
        with file.open("rb") as stream:
            found.append(hashlib.file_digest(stream, "sha256").hexdigest())
    return _digest(sorted(found))


def _digest(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()
