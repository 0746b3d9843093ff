"""The verdict as one JSON document, for machines."""

from __future__ import annotations

from typing import ClassVar

from guarita.policy.gate.verdict import Verdict
from guarita.scan.reports.document import document, encode
from guarita.scan.reports.interface import Reporter


class JsonReporter(Reporter):
    """All that the verdict holds, as `schema/guarita-report.schema.json` describes it."""

    name: ClassVar[str] = "json"
    summary: ClassVar[str] = "everything, for machines"

    def render(self, verdict: Verdict) -> bytes:
        return encode(document(verdict))
