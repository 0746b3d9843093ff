"""The JSON Schema of guarita.yaml as a file in the package: `python -m guarita.config.published` writes it."""

from __future__ import annotations

import json
from pathlib import Path

from guarita.config.load import json_schema

SCHEMA = Path(__file__).parent / "guarita.schema.json"
"""Where it stands in the package, for editors."""


def schema_text() -> bytes:
    """The schema as it stands in the package."""
    return json.dumps(json_schema(), indent=2).encode() + b"\n"


if __name__ == "__main__":
    SCHEMA.write_bytes(schema_text())
