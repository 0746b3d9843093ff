"""Kubernetes documents: each judged by checkov's checks, with what the checks over several objects need of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from . import custom, graph, resources
from .documents import Document, Unique, UnreadableError, stream
from .objects import resources_of

SOURCE = re.compile(r"^# Source: (\S.*?)\s*$")
"""The comment by which helm says where a document of its output comes from."""


def judge(request: dict[str, Any]) -> dict[str, Any]:
    """Judge one file: its `path`, and a name `key` for it.

    With `fragments`, a workload that could not be applied as it stands (a container without an image) is
    left to what it is a patch for. Gives `findings`, the `resources` judged, how many were `fragments`, what
    is to be judged `together` (see `graph.extract`), and `error` where something could not be judged; what
    was read before that is reported all the same.
    """
    findings: list[dict[str, Any]] = []
    judged: list[str] = []
    together: list[dict[str, Any]] = []
    fragments = 0
    answer: dict[str, Any] = {"findings": findings, "resources": judged, "together": together, "sources": []}
    sources = _sources(request["path"]) if request.get("sources") else []
    try:
        # What helm renders only helm reads, by the last of two keys. Below the top, honest charts have such.
        unique = Unique.TOP if request.get("sources") else Unique.OBJECTS
        for document in stream(request["path"], unique=unique):
            for resource in resources_of(document, request["key"]):
                resource.source = _source(sources, document)
                pods = custom.pods_in(resource)
                if request.get("fragments") and any(
                    resources.is_fragment(r.data) for r in pods or [resource]
                ):
                    fragments += 1
                    continue
                judged.append(resource.name)
                if resource.source and resource.source not in answer["sources"]:
                    answer["sources"].append(resource.source)
                findings.extend(_once(found for pod in pods or [resource] for found in resources.judge(pod)))
                together += filter(None, map(graph.extract, pods or [resource]))
    except UnreadableError as error:
        answer["error"] = str(error)
    return {**answer, "fragments": fragments}


def _once(findings: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each finding about no container once: several pods of one resource share its name and its namespace."""
    seen = set()
    for found in findings:
        key = (found["rule"], found["line"])
        if found["part"] or key not in seen:
            seen.add(key)
            yield found


def _sources(path: str) -> list[tuple[int, str]]:
    with Path(path).open(encoding="utf-8", errors="replace") as file:
        return list(_marked(file))


def _marked(file: Any) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(file, start=1):
        if match := SOURCE.match(line):
            yield number, match.group(1)


def _source(sources: list[tuple[int, str]], document: Document) -> str:
    return next((name for line, name in reversed(sources) if line <= document.line), "")
