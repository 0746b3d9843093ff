"""Keys of a Kubernetes Secret from the fields of a secret in Vault: `postgresql://{username}:{password|url}@db/app`."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from guarita.rotation.errors import RotationConfigError

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}|\{\{|\}\}|[{}]")
FILTERS: Final = {
    "url": lambda text: quote(text, safe=""),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "json": lambda text: json.dumps(text)[1:-1],
}
"""What may stand after `|`: percent-encoding (RFC 3986), base64 (RFC 4648), the inside of a JSON string."""


def filled(template: str, fields: Mapping[str, Any]) -> str:
    """The template with its placeholders replaced; `{{` and `}}` are braces.

    Raises RotationConfigError for an unknown field or filter. It names them, and no value.
    """

    def replaced(found: re.Match[str]) -> str:
        inner = found.group(1)
        if inner is None:
            if found.group() in {"{{", "}}"}:
                return found.group()[0]
            raise _wrong(template, f"a single {found.group()!r}; a brace itself is written twice")
        name, _, how = inner.partition("|")
        if name not in fields:
            raise _wrong(template, f"no field {name!r}; there are {', '.join(sorted(fields)) or 'none'}")
        if how and how not in FILTERS:
            raise _wrong(template, f"no filter {how!r}; there are {', '.join(FILTERS)}")
        text = str(fields[name])
        return FILTERS[how](text) if how else text

    return _PLACEHOLDER.sub(replaced, template)


def secret_data(keys: Mapping[str, str], fields: Mapping[str, Any]) -> dict[str, str]:
    """Every key of a Kubernetes Secret; without templates each field under its own name."""
    if not keys:
        return {name: str(value) for name, value in fields.items()}
    return {key: filled(template, fields) for key, template in keys.items()}


def _wrong(template: str, what: str) -> RotationConfigError:
    return RotationConfigError(
        "rotation.template", f"the template {template!r}: {what}", hint="`{field}` or `{field|url}`"
    )
