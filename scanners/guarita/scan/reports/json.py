"""The verdict as one JSON document, for machines."""

from __future__ import annotations

import enum
from typing import Any, ClassVar

import msgspec

from guarita.policy.gate.verdict import Verdict
from guarita.scan.reports.interface import Reporter
from guarita.scan.reports.printable import printable

SCHEMA = "guarita.report/1"


class JsonReporter(Reporter):
    """All that the verdict holds, with its counts. Text is made printable, as `printable` says."""

    name: ClassVar[str] = "json"
    summary: ClassVar[str] = "everything, for machines"

    def render(self, verdict: Verdict) -> bytes:
        document = {
            "schema": SCHEMA,
            "counts": {
                "by_state": verdict.by_state(),
                "by_severity": verdict.by_severity(),
                "coverage": verdict.coverage.counts(),
            },
            **msgspec.structs.asdict(verdict),
        }
        return msgspec.json.format(msgspec.json.encode(_safe(document)), indent=1) + b"\n"


def _safe(value: Any) -> Any:
    match value:
        case str():
            return printable(value)
        case enum.Enum():
            return value.value
        case msgspec.Struct():
            return {
                name: _safe(inner)
                for name, inner in msgspec.structs.asdict(value).items()
                if name != "anchor"
            }
        case dict():
            return {printable(str(key)): _safe(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_safe(inner) for inner in value]
    return value
