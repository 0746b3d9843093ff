"""Kubernetes objects out of documents: lists taken apart, names given, inline suppressions and origins read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .documents import END, START, Document, UnreadableError

SKIP = re.compile(r"(checkov\.io|bridgecrew\.io|cortex\.io)/skip")
ORIGIN = "config.kubernetes.io/origin"
MOST_LISTS = 8
"""Lists inside lists."""


@dataclass
class Resource:
    """One object that could be applied."""

    data: dict[str, Any]
    key: str
    """The file, as whoever asks calls it."""
    document: Document
    kind: str
    name: str
    """`Kind.namespace.name`, as checkov names resources."""
    suppressions: dict[str, dict[str, str]] = field(default_factory=dict)
    """By rule."""
    source: str = ""
    """For a rendered document, the template that helm names."""
    origin: str = ""
    """For a built document, the file that kustomize names."""

    def line(self, *path: str | int) -> int:
        """The line of the deepest known step of a path into the object."""
        node: Any = self.data
        line = _start(node, self.document.line)
        for step in path:
            if isinstance(node, dict) and step in node:
                line = self.document.keys.get(id(node), {}).get(str(step), line)
                node = node[step]
            elif isinstance(node, list) and isinstance(step, int) and step < len(node):
                node = node[step]
            else:
                break
            line = _start(node, line) if isinstance(step, int) else line
        return line


def resources_of(document: Document, key: str) -> Iterator[Resource]:
    """The objects of a document, those inside lists too. A document that is no object gives none."""
    for data in _objects(document.data, 0):
        kind = data["kind"]
        if not isinstance(kind, str):
            raise UnreadableError("an object whose kind is no text")
        metadata = data.get("metadata")
        if metadata is not None and not isinstance(metadata, dict):
            raise UnreadableError(f"a {kind} whose metadata is no mapping")
        annotations = (metadata or {}).get("annotations")
        origin = _taken(annotations, ORIGIN)
        yield Resource(
            data=data,
            key=key,
            document=document,
            kind=kind,
            name=_name(kind, metadata or {}),
            suppressions=_suppressions(annotations),
            origin=str((origin or {}).get("path", "")) if isinstance(origin, dict) else _path_in(origin),
        )
        if isinstance(annotations, dict) and metadata is not None:
            # checkov's own reader of annotations leaves a list behind, and its checks expect one.
            metadata["annotations"] = [annotations]


def _objects(data: Any, depth: int, listed: tuple[str, str] | None = None) -> Iterator[dict[str, Any]]:
    if not isinstance(data, dict):
        return
    if listed:
        data.setdefault("apiVersion", listed[0])
        data.setdefault("kind", listed[1])
    if "apiVersion" not in data or "kind" not in data:
        return
    kind, items = data["kind"], data.get("items")
    if isinstance(kind, str) and kind.endswith("List") and isinstance(items, list):
        if depth > MOST_LISTS:
            raise UnreadableError("lists inside lists inside lists")
        typed = (data["apiVersion"], kind.removesuffix("List")) if kind != "List" else None
        for item in items:
            if item is not None and not isinstance(item, dict):
                raise UnreadableError("a list with an item that is no object")
            yield from _objects(item, depth + 1, typed)
        return
    yield data


def _name(kind: str, metadata: dict[str, Any]) -> str:
    name = metadata.get("name") or metadata.get("generateName")
    labels = metadata.get("labels")
    if not name and isinstance(labels, dict):
        name = ".".join(f"{label}-{value}" for label, value in labels.items() if label not in {START, END})
    return f"{kind}.{metadata.get('namespace') or 'default'}.{name or 'unnamed'}"


def _suppressions(annotations: Any) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    if isinstance(annotations, dict):
        for key, value in annotations.items():
            if isinstance(key, str) and (match := SKIP.search(key)):
                rule, _, reason = str(value).partition("=")
                found[rule.strip()] = {"kind": f"{match.group(1)}/skip", "reason": reason.strip()}
    return found


def _taken(annotations: Any, key: str) -> Any:
    return annotations.pop(key, None) if isinstance(annotations, dict) else None


def _path_in(origin: Any) -> str:
    match = re.search(r"^path: *(\S.*?)\s*$", origin, re.MULTILINE) if isinstance(origin, str) else None
    return match.group(1) if match else ""


def _start(node: Any, otherwise: int) -> int:
    return node.get(START, otherwise) if isinstance(node, dict) else otherwise
