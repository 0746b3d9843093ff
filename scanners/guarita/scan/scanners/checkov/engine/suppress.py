"""Inline suppressions in comments: `checkov:skip=RULE:reason`. Read here, judged by the policy."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

COMMENT = re.compile(r"(checkov|bridgecrew|cortex):skip= *([A-Za-z_\d-]+(?:,[A-Za-z_\d-]+)*)?(?::([^\n]*))?")
"""checkov's own pattern for these comments."""
Suppressions = list[tuple[int, str, dict[str, str]]]
"""(line, rule, suppression)"""


def comments(path: str | Path) -> Suppressions:
    """Every suppression comment of a file."""
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    return [
        (number, rule, {"kind": f"{match.group(1)}:skip", "reason": (match.group(3) or "").strip()})
        for number, line in enumerate(text.splitlines(), start=1)
        for match in COMMENT.finditer(line)
        for rule in (match.group(2) or "").split(",")
    ]


def find(known: Suppressions, rule: str, lines: Iterable[int] | None = None) -> dict[str, str] | None:
    """The suppression of a rule, within the lines where these are given."""
    within = None if lines is None else set(lines)
    for line, name, suppression in known:
        if name == rule and (within is None or line in within):
            return suppression
    return None


def neutral(lines: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """Numbered lines in which checkov sees no suppression, so that it judges what they would hide."""
    return [(number, line.replace(":skip=", ":look=")) for number, line in lines]


def finding(
    check: Any, *, key: str, resource: str, line: int, end_line: int, suppression: dict[str, str] | None
) -> dict[str, Any]:
    """A finding as it goes over the pipe."""
    return {
        "rule": check.id,
        "name": check.name,
        "resource": resource,
        "part": "",
        "key": key,
        "line": max(1, line),
        "end_line": max(1, line, end_line),
        "guideline": check.guideline or "",
        "suppression": suppression,
    }


class Reported:
    """The check behind a record of a report, as `finding` takes it."""

    def __init__(self, record: Any) -> None:
        self.id, self.name, self.guideline = record.check_id, record.check_name, record.guideline
