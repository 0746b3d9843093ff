"""CloudFormation templates in YAML or JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkov.cloudformation.context_parser import ContextParser
from checkov.cloudformation.runner import Runner

from . import suppress, witness
from .documents import UnreadableError, read

_asked: dict[int, list[dict[str, Any]]] = {}
"""The suppressions of each resource, by its first line: comments and `Metadata`."""


def judge(request: dict[str, Any]) -> dict[str, Any]:
    """Judge the template at `path`, called `key`. Raises UnreadableError where checkov cannot read it."""
    path, key = request["path"], request["key"]
    read(path)  # bounds it, and says where it is broken: checkov would only leave it out
    witness.reset()
    _asked.clear()
    runner = Runner()
    report = runner.run(root_folder=None, files=[path], runner_filter=witness.FILTER)
    if isinstance(report, list):
        report = report[0]
    if report.parsing_errors or path not in {str(name) for name in runner.definitions_raw}:
        raise UnreadableError("checkov cannot read it as a CloudFormation template")
    return {
        "findings": list(_findings(report, key)),
        "problems": [*witness.raised, *witness.lost()],
        "resources": sorted(report.resources),
    }


def _findings(report: Any, key: str) -> Iterator[dict[str, Any]]:
    for record in report.failed_checks:
        first, last = record.file_line_range
        asked = next((item for item in _asked.get(first, ()) if item["id"] == record.check_id), None)
        yield suppress.finding(
            suppress.Reported(record),
            key=key,
            resource=record.resource,
            line=first,
            end_line=last,
            suppression={"kind": "checkov:skip", "reason": asked.get("suppress_comment", "")}
            if asked
            else None,
        )


def _watch() -> None:
    collect = ContextParser.collect_skip_comments

    def collecting(entity_code_lines: list[tuple[int, str]], *rest: Any, **named: Any) -> list[Any]:
        found = collect(entity_code_lines, *rest, **named)
        if entity_code_lines:
            _asked[entity_code_lines[0][0]] = found
        return []

    ContextParser.collect_skip_comments = staticmethod(collecting)


_watch()
