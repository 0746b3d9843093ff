"""guarita.yaml from bytes to types, with errors that say where and what was expected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from guarita.config import strictyaml
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


def parse_placed(text: bytes, source: str) -> tuple[Config, strictyaml.Document]:
    """As `parse`, and with the place of every value."""
    document = strictyaml.parse(text, source)
    return decoded(document, Config), document


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of guarita.yaml, for editors."""
    schema = msgspec.json.schema(Config)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "guarita.yaml",
        **schema,
    }
