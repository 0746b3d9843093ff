"""The JSON Schema of the posture, made from its types: `python -m guarita.report.published` writes it."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from guarita.report.interface import Posture

SCHEMA = Path(__file__).parent / "posture.schema.json"
"""Where it stands in the package."""


def schema_text() -> bytes:
    """The schema, in JSON Schema 2020-12, as it stands in the package."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:guarita:schema:posture:1",
        **msgspec.json.schema(Posture),
    }
    return json.dumps(schema, indent=2, sort_keys=True).encode() + b"\n"


if __name__ == "__main__":
    SCHEMA.write_bytes(schema_text())
