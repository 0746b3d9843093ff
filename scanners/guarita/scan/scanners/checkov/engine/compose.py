"""Compose files: what a service takes of the host, by checks of our own; checkov has none.

The Compose Specification (https://github.com/compose-spec/compose-spec/blob/main/spec.md) names the fields.
Each file is judged by itself. What it takes in by `extends` or `include` is named, not followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import suppress
from .compose_checks import CHECKS
from .compose_values import Unknown, filled
from .documents import END, START, Document, UnreadableError, read_words

FIELDS = {"version", "name", "services", "networks", "volumes", "secrets", "configs", "include", "models"}
"""The fields at the top of a Compose file."""


def judge(request: dict[str, Any]) -> dict[str, Any]:
    """Judge the file at `path`. Gives `findings`, `problems`, and the `references` to other files.

    `none` says that it is no Compose file, whatever its name.
    """
    path, key = request["path"], request["key"]
    documents = [item for item in read_words(path) if item.data is not None]
    if not any(_is_compose(item.data) for item in documents):
        return {"findings": [], "none": True}
    known = suppress.comments(path)
    findings: list[dict[str, Any]] = []
    problems: list[str] = []
    references: list[str] = []
    for document in documents:
        if not _is_compose(document.data):
            raise UnreadableError("a document that is no Compose file beside one that is")
        references += _included(document.data)
        for name, service in _services(document.data):
            references += _extended(service)
            for check in CHECKS:
                try:
                    for field, part in check.find(service):
                        line, lines = _place(document, service, field)
                        found = suppress.finding(
                            check,
                            key=key,
                            resource=f"services.{name}",
                            line=line,
                            end_line=line,
                            suppression=suppress.find(known, check.id, lines),
                        )
                        findings.append({**found, "part": part})
                except Unknown as unknown:
                    problems.append(f"services.{name}.{unknown} hangs on a variable without a default")
    return {"findings": findings, "problems": problems, "references": references}


def _place(document: Document, service: dict[str, Any], field: str) -> tuple[int, range]:
    """The line of a field, and the lines of its service."""
    line = document.keys.get(id(service), {}).get(field, service.get(START, document.line))
    first, last = service.get(START, line), service.get(END, line)
    return line, range(min(first, line), max(last, line) + 1)


def _is_compose(data: Any) -> bool:
    if not isinstance(data, dict) or "apiVersion" in data:
        return False
    names = [key for key in data if key not in {START, END}]
    return "services" in names or (
        bool(names)
        and all(isinstance(name, str) and (name in FIELDS or name.startswith("x-")) for name in names)
    )


def _services(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    services = data.get("services")
    if services is not None and not isinstance(services, dict):
        raise UnreadableError("services that are no mapping")
    for name, service in (services or {}).items():
        if name in {START, END} or str(name).startswith("x-") or service is None:
            continue
        if not isinstance(service, dict):
            raise UnreadableError(f"services.{name} that is no mapping")
        yield str(name), service


def _included(data: dict[str, Any]) -> Iterator[str]:
    for item in _list(data.get("include")):
        paths = item.get("path") if isinstance(item, dict) else item
        yield from (filled(path, "include") for path in _list(paths))


def _extended(service: dict[str, Any]) -> Iterator[str]:
    extends = service.get("extends")
    if isinstance(extends, dict) and extends.get("file") is not None:
        yield filled(extends["file"], "extends")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
