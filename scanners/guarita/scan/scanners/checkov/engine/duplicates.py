"""Keys that stand twice in one mapping: what a reader takes from them depends on the reader.

YAML 1.2.2 (section 3.2.1.1) wants unique keys and leaves it to the reader what to do otherwise: kubectl and
helm take the last one, kustomize refuses the file, others take the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

OBJECT = {"apiVersion", "kind"}


def is_object(node: Any) -> bool:
    """Whether a document says that it is a Kubernetes object."""
    return isinstance(node, yaml.MappingNode) and {_word(key) for key, _ in node.value} >= OBJECT


def second_key(node: Any, *, nested: bool = True) -> int:
    """The line, from 1, of the first key that its mapping has already; 0 without one.

    Without `nested` only the keys at the top are compared, which must be a mapping then.
    """
    lines = [_second(mapping) for mapping in (_mappings(node) if nested else [node])]
    return min(filter(None, lines), default=0)


def _mappings(top: Any) -> Iterator[Any]:
    waiting, seen = [top], set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.ScalarNode) or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield node
            waiting += (child for pair in node.value for child in pair)
        else:
            waiting += node.value


def _second(mapping: Any) -> int:
    words = set()
    for key, _ in mapping.value:
        word = _word(key)
        if word in words:
            return int(key.start_mark.line) + 1
        if word is not None:
            words.add(word)
    return 0


def _word(key: Any) -> str | None:
    """A key as it stands in JSON, where `1` and `"1"` are the same."""
    return str(key.value) if isinstance(key, yaml.ScalarNode) else None
