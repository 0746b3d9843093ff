"""Kubernetes documents: each judged by checkov's checks, and all of a group together by its graph checks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from . import custom, graph, resources
from .documents import Document, Unique, UnreadableError, stream
from .objects import Resource, resources_of

SOURCE = re.compile(r"^# Source: (\S.*?)\s*$")
"""The comment by which helm says where a document of its output comes from."""
_groups: dict[str, dict[str, list[Resource]]] = {}
"""What has been judged one by one and waits to be judged together, by group and file."""


def judge(request: dict[str, Any]) -> dict[str, Any]:
    """Judge one file: `path`, a name `key` for it, and the `group` that it is judged with later.

    With `fragments`, a workload that could not be applied as it stands (a container without an image) is
    left to what it is a patch for. Gives `findings`, the `resources` judged, how many were `fragments`,
    and `error` where something could not be judged; what was read before that is reported all the same.
    """
    findings: list[dict[str, Any]] = []
    judged: list[str] = []
    fragments = documents = 0
    answer: dict[str, Any] = {"findings": findings, "resources": judged}
    sources = _sources(request["path"]) if request.get("sources") else []
    kept: list[Resource] = []
    answer["sources"] = []
    if group := request.get("group"):
        _groups.setdefault(group, {})[request["key"]] = kept
    try:
        # What helm renders only helm reads, by the last of two keys. Below the top, honest charts have such.
        unique = Unique.TOP if request.get("sources") else Unique.OBJECTS
        for document in stream(request["path"], unique=unique):
            documents += 1
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
                kept += pods or [resource]
    except UnreadableError as error:
        answer["error"] = str(error)
    return {**answer, "fragments": fragments, "documents": documents}


def judge_together(request: dict[str, Any]) -> dict[str, Any]:
    """Judge what was kept for the `group` together, and forget it. Gives how many `files` that was."""
    kept = _groups.pop(request["group"], {})
    together = [resource for resources in kept.values() for resource in resources]
    return {"findings": list(graph.judge(together)), "files": len(kept)}


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
