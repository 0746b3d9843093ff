"""guarita.yaml from bytes to types, with errors that say where and what was expected."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

import msgspec

from guarita.config import strictyaml
from guarita.config.model import Config
from guarita.errors import UsageError

FILE_NAME = "guarita.yaml"


def load(path: Path) -> Config:
    """Read a configuration file.

    Raises UsageError: `config.unreadable`, or as `parse`.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UsageError(
            "config.unreadable",
            f"{path}: {error.strerror}",
            hint="`guarita init` writes a starting configuration",
        ) from error
    return parse(text, str(path))


def parse(text: bytes, source: str) -> Config:
    """Decode configuration; `source` is what to call it in errors.

    Raises UsageError: `config.unknown-key` (with the nearest known one), `config.value` (with what was
    expected), and the codes of `strictyaml.parse`.
    """
    document = strictyaml.parse(text, source)
    if document.data is None:
        return Config()
    try:
        return msgspec.convert(document.data, Config, strict=True)
    except msgspec.ValidationError as error:
        raise _explained(document, error) from error


def _explained(document: strictyaml.Document, error: msgspec.ValidationError) -> UsageError:
    message, _, at = str(error).partition(" - at `")
    path = _path(at.rstrip("`"), document.data)
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", message)
    if unknown is None:
        choices = _schema_at(path, document.data).get("enum")
        hint = f"one of: {', '.join(choices)}" if choices else None
        return document.error("config.value", path, _plain(message), hint)
    key = unknown.group(1)
    known = sorted(_schema_at(path, document.data).get("properties", {}))
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known keys here: {', '.join(known)}"
    return document.error("config.unknown-key", (*path, key), "unknown key", hint)


def _path(text: str, data: Any) -> strictyaml.Path:
    steps: list[str | int] = []
    for index, name in re.findall(r"\[(\d+|\.\.\.)\]|\.([^.\[\]]+)", text):
        step: str | int = int(index) if index.isdigit() else name or index
        if step == "...":
            # msgspec does not say which key of a mapping it was; where there is but one, it was that.
            if not isinstance(data, dict) or len(data) != 1:
                break
            step = next(iter(data))
        steps.append(step)
        data = _inner(data, step)
    return tuple(steps)


def _inner(data: Any, step: str | int) -> Any:
    try:
        return data[step]
    except (KeyError, IndexError, TypeError):
        return None


def _plain(message: str) -> str:
    for ours, theirs in (("mapping", "`object`"), ("list", "`array`"), ("date", "`date`")):
        message = message.replace(theirs, f"a {ours}")
    return message[:1].lower() + message[1:]


def _schema_at(path: strictyaml.Path, data: Any) -> dict[str, Any]:
    """The schema of the value at `path`; where several kinds may stand there, that of the kind which does."""
    schema, components = msgspec.json.schema_components([Config], ref_template="{name}")
    node = _resolved(schema[0], components, data)
    for step in path:
        data = _inner(data, step)
        named = node.get("properties", {}).get(step) or node.get("additionalProperties") or {}
        node = _resolved(node.get("items", {}) if isinstance(step, int) else named, components, data)
    return node


def _resolved(node: dict[str, Any], components: dict[str, Any], data: Any) -> dict[str, Any]:
    if "discriminator" in node:
        return _kind(node["discriminator"], components, data)
    for choice in (node, *node.get("anyOf", ())):
        if "$ref" in choice:
            return dict(components[choice["$ref"]])
    return node


def _kind(discriminator: dict[str, Any], components: dict[str, Any], data: Any) -> dict[str, Any]:
    tag, kinds = discriminator["propertyName"], discriminator["mapping"]
    if isinstance(data, dict) and (chosen := data.get(tag)) in kinds:
        return dict(components[kinds[chosen]])
    return {"properties": {tag: {"enum": sorted(kinds)}}}


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of guarita.yaml, for editors."""
    schema = msgspec.json.schema(Config)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "guarita.yaml",
        **schema,
    }
