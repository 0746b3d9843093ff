"""YAML read strictly, with the place of every value: no duplicate keys, no tags, no alias bombs."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import yaml

from guarita.errors import UsageError

MAX_BYTES = 4 * 1024 * 1024
"""Configuration larger than this is refused."""
MAX_NODES = 200_000
"""Values after aliases are followed; more is refused (the billion-laughs attack)."""
MAX_DEPTH = 100

Path = tuple[str | int, ...]
"""The way to a value: keys and indexes from the top."""


@dataclass(frozen=True)
class Document:
    """Plain data, and where each value stands in the text."""

    data: Any
    source: str
    """What to call the text in an error: a file's name, or a revision and a file."""
    lines: dict[Path, int] = field(default_factory=dict)
    """Line of each value, from 1."""

    def line(self, path: Path) -> int:
        """The line of the value at `path`, or of the nearest one around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def error(self, code: str, path: Path, message: str, hint: str | None = None) -> UsageError:
        """An error that names file, line and path."""
        where = f"{self.source}:{self.line(path)}"
        at = dotted(path)
        return UsageError(code, f"{where}: {at}: {message}" if at else f"{where}: {message}", hint=hint)


def dotted(path: Path) -> str:
    """`scan.waivers[0].rule`, as a person writes it."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def parse(text: bytes, source: str) -> Document:
    """Parse one YAML document.

    Raises UsageError (`config.syntax`, `config.duplicate-key`, `config.too-large`, `config.tag`,
    `config.encoding`), which names `source` and the line.
    """
    return _built(_composed(text, source, yaml.compose), source)


def parse_all(text: bytes, source: str) -> list[Document]:
    """Parse a stream of YAML documents (`---` between them), leaving out empty ones.

    Lines count from the top of the stream. Raises as `parse`.
    """
    nodes = _composed(text, source, lambda *given, **named: list(yaml.compose_all(*given, **named)))
    return [_built(node, source) for node in nodes if not _empty(node)]


def _composed(text: bytes, source: str, compose: Callable[..., Any]) -> Any:
    if len(text) > MAX_BYTES:
        raise UsageError("config.too-large", f"{source}: larger than {MAX_BYTES} bytes")
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise UsageError(
            "config.encoding", f"{source}:{line}: not UTF-8", hint="save the file as UTF-8"
        ) from error
    try:
        return compose(decoded, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise UsageError("config.syntax", f"{source}:{line}: not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise UsageError("config.syntax", f"{source}: not valid YAML: {error}") from error


def _empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _built(node: yaml.Node | None, source: str) -> Document:
    document = Document(None, source)
    data = _Builder(document).build(node, ()) if node is not None else None
    return Document(data, source, document.lines)


class _Builder:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._count = 0

    def build(self, node: yaml.Node, path: Path) -> Any:
        self._document.lines.setdefault(path, node.start_mark.line + 1)
        self._count += 1
        if self._count > MAX_NODES or len(path) > MAX_DEPTH:
            raise self._document.error("config.too-large", path[:3], "too many or too deeply nested values")
        match node:
            case yaml.MappingNode():
                return self._mapping(node, path)
            case yaml.SequenceNode():
                return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
            case yaml.ScalarNode():
                return self._scalar(node, path)
        raise self._document.error("config.syntax", path, "not a YAML value")

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[Hashable, Any]:
        answer: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key = self._scalar(key_node, path) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                self._document.lines[path] = key_node.start_mark.line + 1
                raise self._document.error("config.key", path, "a key must be a plain word")
            here = (*path, key)
            self._document.lines[here] = key_node.start_mark.line + 1
            if key in answer:
                raise self._document.error("config.duplicate-key", here, "this key stands twice")
            answer[key] = self.build(value_node, here)
        return answer

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        tag, text = node.tag.removeprefix("tag:yaml.org,2002:"), node.value
        match tag:
            case "str":
                return text
            case "null":
                return None
            case "bool":
                return text.lower() in {"true", "yes", "on"}
            case "int" if re.fullmatch(r"[-+]?[0-9]+", text):
                return int(text)
            case "float" if re.fullmatch(r"[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?", text):
                return float(text)
            case "timestamp":
                return _timestamp(text)
            case "int" | "float" | "merge" | "value":
                return text
        raise self._document.error("config.tag", path, f"the tag {node.tag} is not allowed here")


def _timestamp(text: str) -> Any:
    # A date stays a date; anything else stays text, and the type that is expected there says so.
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return text
