"""The text of a starting guarita.yaml. What loosens the gate stands there as a comment: a person decides."""

from __future__ import annotations

import json
from collections.abc import Iterator

from guarita.scan.init.survey import Survey

SHOWN = 5
"""Suggestions of a kind at most."""


def configuration(found: Survey) -> str:
    """The configuration for a tree: valid as it stands, with its suggestions as comments."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Survey) -> Iterator[str]:
    held = ", ".join(f"{count:,} for {name}" for name, count in found.claimed.items() if count)
    yield "# Guarita judges this tree by this file: `guarita scan .`"
    yield (
        f"# Found here: {found.files:,} files ({held})." if held else "# Nothing to scan was found here yet."
    )
    yield "# Every key, with its meaning: `guarita init --schema`, and docs/gate.md."
    yield ""
    yield "scan:"
    yield "  # Findings of this severity or worse fail: info, low, medium, high, critical."
    yield "  fail_on: medium"
    yield ""
    yield "  # All scanners run unless some are listed here."
    yield f"  # scanners: [{', '.join(name for name, count in found.claimed.items() if count) or 'code'}]"
    yield ""
    yield from _exclusions(found)
    yield from _paths(found)
    yield "  # A finding that is accepted for a time: somebody answers for it, until a day."
    yield "  # waivers:"
    yield "  #   - rule: B602                # or fingerprint: …, as the report shows it"
    yield '  #     paths: ["tools/build.py"]'
    yield "  #     owner: platform-team@example.com"
    yield "  #     reason: build host only, its input is constant"
    yield "  #     expires: 2027-03-31       # the last day it holds"
    yield ""
    yield "  # Another severity for a rule, with its reason."
    yield "  # severity:"
    yield "  #   - {rule: B101, severity: info, reason: asserts are what tests are made of}"
    yield ""
    yield "# Verdicts are written to .guarita/ledger.db beside this file, which git ignores. For a team:"
    yield "# ledger:"
    yield "#   url: postgresql://ledger.example.com/audit"


def _exclusions(found: Survey) -> Iterator[str]:
    yield "  # Files that are left out, each by a rule with a name and a reason; the report lists them."
    if not (found.foreign or found.large):
        yield "  # exclude:"
        yield '  #   - {name: generated, paths: ["src/generated/"], reason: made by the build}'
    else:
        yield "  # These were found and may be candidates; nothing is left out until you say so."
        yield "  # exclude:"
    for folder, count in list(found.foreign.items())[:SHOWN]:
        yield f"  #   - name: vendored  # {count:,} files"
        yield f"  #     paths: [{_quoted('/' + folder)}]"
        yield "  #     reason: reviewed upstream"
    for path, size in found.large[:SHOWN]:
        yield f"  #   - name: large  # {size:,} bytes, more than max_file_size: unknown until it is excluded"
        yield f"  #     paths: [{_quoted('/' + path)}]"
        yield "  #     reason: why it needs no scan"
    yield ""


def _paths(found: Survey) -> Iterator[str]:
    if not found.samples:
        return
    folders = ", ".join(_quoted("/" + folder) for folder in list(found.samples)[:SHOWN])
    yield "  # Tests and examples may be judged more mildly."
    yield "  # paths:"
    yield f"  #   - {{paths: [{folders}], fail_on: high, reason: never deployed}}"
    yield ""


def _quoted(text: str) -> str:
    # JSON's string is YAML's too, and in ASCII it can break no comment line.
    return json.dumps(text)
