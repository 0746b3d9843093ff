"""YAML and JSON with the line of every mapping: parsed in C, whole or not at all, bounded against bombs."""

from __future__ import annotations

import enum
import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import yaml

from .duplicates import is_object, second_key

START, END = "__startline__", "__endline__"
"""The keys under which checkov looks for the lines of a mapping, counted from 1."""
MOST_NODES = 1_000_000
"""Nodes of one document with its aliases written out. checkov copies and walks them all."""
DEEPEST = 400
"""Levels of nesting; checkov copies and walks them by recursion."""
DECODER = json.JSONDecoder()


class Unique(enum.Enum):
    """Where two equal keys in one mapping make a document unreadable."""

    NONE = "none"
    TOP = "top"
    """At the top of a Kubernetes object."""
    OBJECTS = "objects"
    """Anywhere in a Kubernetes object."""
    ALL = "all"


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError
    return mapping


UNIQUE_DECODER = json.JSONDecoder(object_pairs_hook=_pairs)

TOO_DEEP = "it is nested too deeply"


class UnreadableError(Exception):
    """A file that could not be read to its end. The message quotes nothing of the content."""


@dataclass(frozen=True)
class Document:
    """One document of a stream."""

    data: Any
    line: int
    """Where it starts, from 1."""
    end_line: int
    keys: dict[int, dict[str, int]] = field(default_factory=dict)
    """The line of each key of a mapping, by the mapping's `id`; valid as long as `data` lives."""


class _Loader(yaml.CSafeLoader):
    """Marks mappings as checkov's own loader does, and takes tags that it does not know for plain values."""

    with_lines = True

    def __init__(self, stream: bytes) -> None:
        super().__init__(stream)
        self.keys: dict[int, dict[str, int]] = {}

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep=deep)
        if self.with_lines:
            mapping[START] = node.start_mark.line + 1
            mapping[END] = node.end_mark.line + 1
        return mapping

    def construct_yaml_map(self, node: Any) -> Generator[dict[Any, Any], None, None]:
        data: dict[Any, Any] = {}
        yield data
        data.update(self.construct_mapping(node))
        self.keys[id(data)] = {key.value: key.start_mark.line + 1 for key, _ in node.value if _scalar(key)}

    def construct_unknown(self, _suffix: str, node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self.construct_yaml_map(node)
        if isinstance(node, yaml.SequenceNode):
            return self.construct_yaml_seq(node)
        return self.construct_scalar(node)


class _PlainLoader(_Loader):
    with_lines = False


class _PipelineLoader(_Loader):
    """As checkov reads pipelines: `on` is a word there."""

    bool_values: ClassVar[dict[str, Any]] = {**_Loader.bool_values, "on": "on"}


class _WordLoader(_Loader):
    """Every scalar is text, as it stands, but for nothing and a merge: `22:22` is no number in base 60."""


_WordLoader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in known if tag.endswith((":null", ":merge"))]
    for first, known in _Loader.yaml_implicit_resolvers.items()
}
for _kind in (_Loader, _PlainLoader, _PipelineLoader, _WordLoader):
    _kind.add_constructor("tag:yaml.org,2002:map", _kind.construct_yaml_map)
    _kind.add_multi_constructor("!", _kind.construct_unknown)


def _scalar(node: Any) -> bool:
    return isinstance(node, yaml.ScalarNode)


def read(
    path: str, *, lines: bool = True, pipeline: bool = False, unique: Unique = Unique.NONE
) -> list[Document]:
    """Every document of a file. Raises UnreadableError when one of them cannot be read."""
    return list(stream(path, lines=lines, pipeline=pipeline, unique=unique))


def read_words(path: str) -> list[Document]:
    """As `read`, with scalars as text and no key twice. JSON is read as YAML."""
    return list(_yaml(Path(path).read_bytes(), _WordLoader, Unique.ALL))


def stream(
    path: str, *, lines: bool = True, pipeline: bool = False, unique: Unique = Unique.NONE
) -> Iterator[Document]:
    """The documents of a file one by one; those before a broken one are given before the error is raised."""
    content = Path(path).read_bytes()
    if content.lstrip()[:1] in {b"{", b"["}:
        documents = _json(content, lines=lines, unique=unique)
        if documents is not None:
            yield from documents
            return
    yield from _yaml(content, _PipelineLoader if pipeline else _Loader if lines else _PlainLoader, unique)


def _yaml(content: bytes, kind: type[_Loader], unique: Unique) -> Iterator[Document]:
    number = 1
    try:
        loader = kind(content)
        try:
            while loader.check_node():
                node: Any = loader.get_node()
                if _weight(node, {}) > MOST_NODES:
                    raise UnreadableError(
                        f"document {number}: its aliases stand for more than a million nodes"
                    )
                if line := _second_key(node, unique):
                    raise UnreadableError(
                        f"a key stands twice in one mapping (line {line}), and readers differ"
                    )
                data = loader.construct_document(node)
                yield Document(data, node.start_mark.line + 1, node.end_mark.line + 1, loader.keys)
                number += 1
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" (line {mark.line + 1})" if mark else ""
        raise UnreadableError(f"document {number} is not valid YAML{where}") from error
    except yaml.YAMLError as error:
        raise UnreadableError(f"document {number} is not valid YAML") from error
    except (ValueError, TypeError, OverflowError) as error:
        raise UnreadableError(f"document {number} holds a value that cannot be read") from error


def _second_key(node: Any, unique: Unique) -> int:
    if unique is Unique.NONE or (unique is not Unique.ALL and not is_object(node)):
        return 0
    return second_key(node, nested=unique is not Unique.TOP)


def _json(content: bytes, *, lines: bool, unique: Unique) -> list[Document] | None:
    """A stream of JSON values, or None where it is not JSON and may still be YAML.

    JSON is read without positions: with a key that must not stand twice it is left to YAML, which knows where.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    decoder = DECODER if unique is Unique.NONE else UNIQUE_DECODER
    documents, position = [], 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        try:
            data, end = decoder.raw_decode(text, position)
        except ValueError:
            return None
        first, last = text.count("\n", 0, position) + 1, text.count("\n", 0, end) + 1
        if lines:
            _mark(data, first, last)
        documents.append(Document(data, first, last))
        position = end
    return documents


def _mark(data: Any, first: int, last: int, depth: int = 0) -> None:
    """JSON is parsed without positions: each mapping gets those of its document."""
    if depth > DEEPEST:
        raise UnreadableError(TOO_DEEP)
    if isinstance(data, dict):
        for value in data.values():
            _mark(value, first, last, depth + 1)
        data[START], data[END] = first, last
    elif isinstance(data, list):
        for value in data:
            _mark(value, first, last, depth + 1)


def _weight(node: Any, known: dict[int, int], depth: int = 0) -> int:
    """Nodes with aliases written out. Raises UnreadableError for a node that holds itself, or is too deep."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if depth > DEEPEST:
        raise UnreadableError(TOO_DEEP)
    if (weight := known.get(id(node))) is not None:
        if not weight:
            raise UnreadableError("an alias stands inside what it names")
        return weight
    known[id(node)] = 0
    children = (
        (child for pair in node.value for child in pair) if isinstance(node, yaml.MappingNode) else node.value
    )
    weight = 1 + sum(_weight(child, known, depth + 1) for child in children)
    known[id(node)] = weight
    return weight
