"""guarita.yaml from bytes to types, with errors that say where and what was expected."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from guarita.config import profiles, strictyaml
from guarita.config.model import Config
from guarita.config.typed import decoded
from guarita.errors import UsageError

FILE_NAME = "guarita.yaml"


def load(path: Path) -> Config:
    """Read a configuration file.

    Raises UsageError: `config.unreadable`, or as `parse`.
    """
    return parse(read(path), str(path))


def read(path: Path) -> bytes:
    """The bytes of a configuration file.

    Raises UsageError `config.unreadable`.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            "config.unreadable",
            f"{path}: {error.strerror}",
            hint="`guarita init` writes a starting configuration",
        ) from error


def parse(text: bytes, source: str) -> Config:
    """Decode configuration; `source` is what to call it in errors.

    Raises UsageError: `config.unknown-key` (with the nearest known one), `config.value` (with what was
    expected), and the codes of `strictyaml.parse`.
    """
    return parse_placed(text, source)[0]


def parse_placed(text: bytes, source: str, profile: str | None = None) -> tuple[Config, strictyaml.Document]:
    """As `parse`, and with the place of every value.

    It holds by `profile`, else by the one that $GUARITA_PROFILE names. The others are decoded too: what is wrong
    for production is found where it is written, and not where it is installed.
    """
    document = strictyaml.parse(text, source)
    found = decoded(document, Config)
    chosen = profile or os.environ.get(profiles.VARIABLE) or None
    by_profile = {name: profiles.overlaid(document, name) for name in found.profiles}
    decoded_by = {name: decoded(one, Config) for name, one in by_profile.items()}
    if chosen is None:
        return found, document
    if chosen not in by_profile:
        profiles.overlaid(document, chosen)
    return decoded_by[chosen], by_profile[chosen]


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of guarita.yaml, for editors."""
    schema = msgspec.json.schema(Config)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "guarita.yaml",
        **schema,
    }
