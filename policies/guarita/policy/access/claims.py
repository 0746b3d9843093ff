"""Claims: a value found by its path, compared without conversion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_BITS = 128
"""Of a whole number that is compared."""
Scalar = tuple[type, Any]
"""A value with its type, so that 1, "1" and True are three."""


def values(claims: Mapping[str, Any], path: tuple[str, ...]) -> list[Scalar]:
    """The values at a path: one, or those of a list. Empty where nothing is there, or a mapping."""
    here: Any = claims
    for name in path:
        if not isinstance(here, Mapping) or name not in here:
            return []
        here = here[name]
    several = here if isinstance(here, (list, tuple)) else (here,)
    return [(type(value), value) for value in several if _plain(value)]


def _plain(value: object) -> bool:
    kind = type(value)
    # A number of thousands of digits cannot be written in decimal, and identifies nobody.
    return kind in {str, bool} or (type(value) is int and value.bit_length() <= MAX_BITS)


def texts(claims: Mapping[str, Any], path: tuple[str, ...]) -> set[str]:
    """The values at a path as they stand in a path of a request: texts, and whole numbers in decimal."""
    return {str(value) for kind, value in values(claims, path) if kind is not bool and value != ""}
