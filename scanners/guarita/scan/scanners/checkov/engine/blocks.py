"""The blocks of a Terraform file, and the objects of a manifest, for checks that are not checkov's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hcl2

from .documents import START, Unique, UnreadableError, stream


def blocks(request: dict[str, Any]) -> dict[str, Any]:
    """The `resource` and `provider` blocks at `path`. Raises UnreadableError where it is not valid HCL."""
    try:
        data = hcl2.loads(Path(request["path"]).read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UnreadableError("it is not UTF-8") from error
    except Exception as error:
        # The parser raises whatever its grammar and its transformer make of a fault.
        raise UnreadableError("it is not valid HCL") from error
    found = []
    for block in data.get("resource", []):
        for kind, named in block.items():
            found += [{"kind": kind, "name": name, "body": body} for name, body in named.items()]
    for block in data.get("provider", []):
        found += [{"kind": "provider", "name": name, "body": body} for name, body in block.items()]
    return {"blocks": found}


def objects(request: dict[str, Any]) -> dict[str, Any]:
    """The mappings at the top of a manifest's documents, lists taken apart. Raises UnreadableError."""
    found = []
    for document in stream(request["path"], unique=Unique.OBJECTS):
        data = document.data
        if isinstance(data, dict):
            kind = data.get("kind")
            inside = data.get("items") if isinstance(kind, str) and kind.endswith("List") else None
            found += [
                {"data": item, "line": item.get(START, document.line)}
                for item in (inside if isinstance(inside, list) else [data])
                if isinstance(item, dict)
            ]
    return {"objects": found}
