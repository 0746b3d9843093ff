"""The platform pack: the reference architecture's own numbers. docs/platform-pack.md has a heading for each row."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

import msgspec

from guarita.config.strictyaml import parse


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One demand of the architecture."""

    rule: str
    asks: str
    """The demand, in a sentence."""
    numbers: dict[str, Any] = {}
    """What it measures by, named as the check names it."""


@functools.cache
def load_pack() -> dict[str, Row]:
    """The rows by rule."""
    text = resources.files(__package__).joinpath("platform.yaml").read_bytes()
    rows = msgspec.convert(parse(text, "platform.yaml").data["rows"], list[Row])
    return {row.rule: row for row in rows}
