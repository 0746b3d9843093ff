"""The JSON Schema of the JSON report, made from its types: `python -m guarita.scan.reports.published` writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from guarita.scan.reports.document import ReportDocument

SCHEMA = Path(__file__).parent / "schema" / "guarita-report.schema.json"
"""Where it stands in the package."""


def schema() -> dict[str, Any]:
    """The schema, in JSON Schema 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:guarita:schema:report:1",
        **msgspec.json.schema(ReportDocument),
    }


def schema_text() -> bytes:
    """The schema as it stands in the package."""
    return json.dumps(schema(), indent=2, sort_keys=True).encode() + b"\n"


if __name__ == "__main__":
    SCHEMA.parent.mkdir(exist_ok=True)
    SCHEMA.write_bytes(schema_text())
