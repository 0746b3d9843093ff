"""Values for what an endpoint asks for: its path, its query, its body, as far as the application's schema tells."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from guarita.gateway.testing.attack.interface import Header, Sent

PARAMETER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(?::([a-z]+))?\}")
"""As Starlette writes it: `{id}`, `{id:int}`, `{rest:path}`."""
NAME: Final = "guarita-attack"
"""What stands wherever a name may."""
_UUID: Final = "0b0f5a3e-7d1c-4c58-9d55-5d1f3c6a7e21"
_BY_CONVERTOR: Final = {"int": "1", "float": "1.5", "uuid": _UUID, "path": NAME, "str": NAME}
_BY_FORMAT: Final = {
    "uuid": _UUID,
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "time": "03:04:05",
    "email": "ana@example.com",
    "uri": "https://example.com/",
    "ipv4": "203.0.113.7",
    "ipv6": "2001:db8::7",
    "duration": "PT1S",
    "byte": "",
    "binary": "",
}
_DEPTH: Final = 8


class Schema:
    """An application's OpenAPI document, where it has one."""

    def __init__(self, app: Any) -> None:
        make = getattr(app, "openapi", None)
        self._document: Mapping[str, Any] = make() if callable(make) else {}

    def operation(self, method: str, template: str) -> Mapping[str, Any]:
        """What it says about an endpoint; empty for one that is not in it."""
        path = PARAMETER.sub(lambda found: f"{{{found.group(1)}}}", template)
        found: Mapping[str, Any] = self._document.get("paths", {}).get(path, {}).get(method.lower(), {})
        return found

    def example(self, schema: Mapping[str, Any], depth: int = 0) -> Any:
        """A small value that the schema allows, as far as it is written down in the usual words."""
        schema = self._resolved(schema)
        for known in ("default", "const"):
            if known in schema:
                return schema[known]
        for several in ("examples", "enum", "anyOf", "oneOf"):
            if schema.get(several):
                first = schema[several][0]
                return self.example(first, depth) if several in {"anyOf", "oneOf"} else first
        if "allOf" in schema:
            merged: dict[str, Any] = {}
            for part in schema["allOf"]:
                merged |= self._resolved(part)
            return self.example(merged, depth)
        return self._typed(schema, depth)

    def _typed(self, schema: Mapping[str, Any], depth: int) -> Any:
        match schema.get("type", "object" if "properties" in schema else "string"):
            case "object":
                needed = schema.get("required", ()) if depth < _DEPTH else ()
                return {
                    name: self.example(schema.get("properties", {}).get(name, {}), depth + 1)
                    for name in needed
                }
            case "array":
                count = schema.get("minItems", 0) if depth < _DEPTH else 0
                return [self.example(schema.get("items", {}), depth + 1) for _ in range(count)]
            case "integer" | "number":
                return _number(schema)
            case "boolean":
                return True
            case "null":
                return None
        text = _BY_FORMAT.get(schema.get("format", ""), NAME)
        return text[: schema.get("maxLength", len(text))].ljust(schema.get("minLength", 0), "a")

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        for _ in range(_DEPTH):
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                break
            found: Any = self._document
            for step in reference.removeprefix("#/").split("/"):
                found = found.get(step, {})
            schema = found
        return schema


def _number(schema: Mapping[str, Any]) -> Any:
    if "minimum" in schema:
        return schema["minimum"]
    if "exclusiveMinimum" in schema:
        return schema["exclusiveMinimum"] + 1
    return min(1, schema.get("maximum", 1))


def values_for(
    template: str, operation: Mapping[str, Any], schema: Schema, given: Mapping[str, str]
) -> dict[str, str]:
    """A value for each parameter of a path: a given one, one by its schema, or one by its convertor."""
    typed = {
        one["name"]: one.get("schema", {})
        for one in operation.get("parameters", ())
        if one.get("in") == "path"
    }
    values = {}
    for name, convertor in PARAMETER.findall(template):
        if name in given:
            values[name] = given[name]
        elif convertor in {"", "str"} and name in typed:
            values[name] = str(schema.example(typed[name]))
        else:
            values[name] = _BY_CONVERTOR.get(convertor, NAME)
    return values


def filled(template: str, values: Mapping[str, str]) -> str:
    """The path with these values: percent-encoded, so that each stays one segment."""
    return PARAMETER.sub(lambda found: quote(values[found.group(1)], safe="~@:"), template)


def plain(
    method: str, path: str, operation: Mapping[str, Any], schema: Schema, *, socket: bool = False
) -> Sent:
    """A request that brings all that the endpoint asks for, but a credential."""
    query: list[tuple[str, str]] = []
    headers: list[Header] = [("host", "testserver"), ("accept", "*/*")]
    for one in operation.get("parameters", ()):
        if one.get("required") and one.get("in") in {"query", "header", "cookie"}:
            value = schema.example(one.get("schema", {}))
            text = json.dumps(value) if not isinstance(value, str) else value
            if one["in"] == "query":
                query.append((one["name"], text))
            elif one["in"] == "header":
                headers.append((one["name"], text))
            else:
                headers.append(("cookie", f"{one['name']}={text}"))
    body = b""
    content = operation.get("requestBody", {}).get("content", {})
    if content:
        kind, form = next(iter(content.items()))
        value = schema.example(form.get("schema", {}))
        kind, body = _encoded(kind, value)
        headers += [("content-type", kind), ("content-length", str(len(body)))]
    target = f"{path}?{urlencode(query)}" if query else path
    return Sent(method, target, tuple(headers), body, socket)


def _encoded(kind: str, value: Any) -> tuple[str, bytes]:
    if kind == "application/x-www-form-urlencoded" and isinstance(value, Mapping):
        return kind, urlencode(value).encode()
    if kind.startswith("multipart/") and isinstance(value, Mapping):
        edge = "guarita-attack-edge"
        parts = "".join(
            f'--{edge}\r\ncontent-disposition: form-data; name="{name}"; filename="a"\r\n\r\n{text}\r\n'
            for name, text in value.items()
        )
        return f"{kind}; boundary={edge}", f"{parts}--{edge}--\r\n".encode()
    if "json" in kind or not isinstance(value, str):
        return kind if "json" in kind else "application/json", json.dumps(value).encode()
    return kind, value.encode()
