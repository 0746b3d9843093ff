"""Plain data to types, with errors that name the place and what was expected there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from guarita.config import strictyaml
from guarita.errors import UsageError

T = TypeVar("T")


def decoded(document: strictyaml.Document, kind: type[T]) -> T:
    """A document as a type; an empty one as the type's defaults.

    Raises UsageError: `config.unknown-key` (with the nearest known one), `config.value` (with what was
    expected).
    """
    data = {} if document.data is None else document.data
    try:
        return msgspec.convert(data, kind, strict=True)
    except msgspec.ValidationError as error:
        raise _explained(document, data, kind, error) from error


def _explained(
    document: strictyaml.Document, data: Any, kind: type, error: msgspec.ValidationError
) -> UsageError:
    message, _, at = str(error).partition(" - at `")

    def fails_alike(changed: Any) -> bool:
        try:
            msgspec.convert(changed, kind, strict=True)
        except msgspec.ValidationError as again:
            return str(again) == str(error)
        return False

    path = _path(at.rstrip("`"), data, fails_alike)
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", message)
    if unknown is None:
        schema = _schema_at(kind, path, data)
        choices = schema.get("enum")
        described = schema.get("description") if schema.get("type") != "object" else None
        hint = f"one of: {', '.join(choices)}" if choices else described
        return document.error("config.value", path, _plain(message), hint)
    key = unknown.group(1)
    known = sorted(_schema_at(kind, path, data).get("properties", {}))
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known keys here: {', '.join(known)}"
    return document.error("config.unknown-key", (*path, key), "unknown key", hint)


def _path(text: str, data: Any, fails_alike: Callable[[Any], bool]) -> strictyaml.Path:
    _, in_key, text = text.rpartition("key` in `")
    steps: list[str | int] = []
    here = data
    found = re.findall(r"\[(\d+|\.\.\.)\]|\.([^.\[\]]+)", text) + [("...", "")] * bool(in_key)
    for index, name in found:
        step: str | int = int(index) if index.isdigit() else name or index
        if step == "...":
            guessed = _guilty(data, steps, here, fails_alike)
            if guessed is None:
                break
            step = guessed
        steps.append(step)
        here = _inner(here, step)
    return tuple(steps)


def _guilty(data: Any, path: list[str | int], mapping: Any, fails_alike: Callable[[Any], bool]) -> str | None:
    # msgspec does not say which key of a mapping it was. It was the one that fails alike when it is alone.
    if not isinstance(mapping, dict):
        return None
    for key, value in mapping.items():
        if len(mapping) == 1 or fails_alike(_replaced(data, path, {key: value})):
            return str(key)
    return None


def _replaced(data: Any, path: list[str | int], value: Any) -> Any:
    if not path:
        return value
    first, rest = path[0], path[1:]
    if isinstance(first, int):
        return [*data[:first], _replaced(data[first], rest, value), *data[first + 1 :]]
    return {**data, first: _replaced(data[first], rest, value)}


def _inner(data: Any, step: str | int) -> Any:
    try:
        return data[step]
    except (KeyError, IndexError, TypeError):
        return None


def _plain(message: str) -> str:
    for ours, theirs in (("mapping", "`object`"), ("list", "`array`"), ("date", "`date`")):
        message = message.replace(theirs, f"a {ours}")
    return message[:1].lower() + message[1:]


def _schema_at(kind: type, path: strictyaml.Path, data: Any) -> dict[str, Any]:
    """The schema of the value at `path`; where several kinds may stand there, that of the kind which does."""
    schema, components = msgspec.json.schema_components([kind], ref_template="{name}")
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
