"""Values of a Compose file as they are without an environment: `${NAME:-default}` is its default.

Compose Specification, section Interpolation. A variable without a default is not known here.
"""

from __future__ import annotations

import re
from typing import Any

from .documents import UnreadableError

VARIABLE = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<bare>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?:(?P<how>:?[-?+])(?P<word>[^{}]*))?\})"
)
UNKNOWN = "\0"
"""Stands for what a variable without a default would give."""
TRUE = {"true", "yes", "y", "on", "1", "t"}


class Unknown(Exception):  # noqa: N818  # an answer, not an error
    """A field that a variable without a default decides. The message is the field."""


def text(value: Any) -> str:
    """A scalar with its defaults filled in and UNKNOWN for what has none."""
    if isinstance(value, dict | list):
        raise UnreadableError("a list or mapping where a word is expected")
    words = "" if value is None else str(value)
    # Innermost first: `${A:-${B:-c}}`.
    for _ in range(8):
        changed = VARIABLE.sub(_default, words)
        if changed == words:
            break
        words = changed
    return (UNKNOWN if "${" in words else words).replace("\1", "$")


def filled(value: Any, field: str) -> str:
    """A scalar of which all is known. Raises Unknown with the field."""
    words = text(value)
    if UNKNOWN in words:
        raise Unknown(field)
    return words


def is_true(value: Any, field: str) -> bool:
    """Whether a field is switched on. Raises Unknown."""
    return filled(value, field).strip().lower() in TRUE


def _default(match: re.Match[str]) -> str:
    if match["escaped"]:
        return "\1"
    return match["word"] if (match["how"] or "").endswith("-") else UNKNOWN
