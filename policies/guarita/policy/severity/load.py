"""Reading the severity table: YAML files to rows, with errors that name file and line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any

from guarita.config.strictyaml import Document, Path, parse
from guarita.policy.gate.finding import Severity
from guarita.policy.severity.table import Basis, Citation, Row, SeverityTable, Source, is_glob

SOURCES = "sources.yaml"
_TEXTS = ("title", "publisher", "version", "url")
_REQUIRED = {"severity", "title", "fix", "basis"}
_OPTIONAL = {"rule", "family", "confidence", "source", "why", "cwe"}
_CONFIDENCES = ("high", "medium", "low")
_CWE = re.compile(r"CWE-[1-9][0-9]*")


def read_table(folder: Traversable | None = None) -> SeverityTable:
    """Read every `*.yaml` of `folder`; without one, the table that is part of this package.

    Raises UsageError (`severity.row`, `severity.source`, `severity.duplicate`, or what `strictyaml.parse`
    raises), which names the file and the line.
    """
    folder = folder or resources.files("guarita.policy.severity")
    documents = {
        item.name: parse(item.read_bytes(), item.name)
        for item in sorted(folder.iterdir(), key=lambda item: item.name)
        if item.name.endswith(".yaml")
    }
    sources = _sources(documents.pop(SOURCES, None))
    rows: dict[str, Row] = {}
    for document in documents.values():
        for path, row in _rows(document, sources):
            if row.pattern in rows:
                raise document.error("severity.duplicate", path, f"{row.pattern} has a row already")
            rows[row.pattern] = row
    return SeverityTable(rows.values())


def _sources(document: Document | None) -> dict[str, Source]:
    if document is None:
        return {}
    answer = {}
    for key, fields in _mapping(document, ("sources",), _get(document, (), "sources")).items():
        path: Path = ("sources", key)
        _keys(document, path, _mapping(document, path, fields), required=set(_TEXTS))
        answer[key] = Source(key=key, **{name: _text(document, path, fields, name) for name in _TEXTS})
    return answer


def _rows(document: Document, sources: Mapping[str, Source]) -> Iterable[tuple[Path, Row]]:
    items = _get(document, (), "rows")
    if not isinstance(items, list):
        raise document.error("severity.row", ("rows",), "expected a list of rows")
    for index, item in enumerate(items):
        path: Path = ("rows", index)
        yield path, _row(document, path, _mapping(document, path, item), sources)


def _row(document: Document, path: Path, fields: dict[str, Any], sources: Mapping[str, Source]) -> Row:
    _keys(document, path, fields, required=_REQUIRED, optional=_OPTIONAL)
    citations = _citations(document, path, fields, sources)
    why = _text(document, path, fields, "why") if "why" in fields else ""
    basis = _choice(document, (*path, "basis"), fields["basis"], [item.value for item in Basis])
    own = fields["severity"] != "tool"
    if own != (basis != Basis.TOOL.value):
        raise document.error("severity.row", path, "severity `tool` and basis `tool` go together")
    if basis == Basis.PUBLISHED.value and not citations:
        raise document.error("severity.row", path, "a published basis names its source")
    if basis == Basis.JUDGEMENT.value and not why:
        raise document.error("severity.row", path, "a judgement says why")
    return Row(
        pattern=_pattern(document, path, fields),
        severity=_severity(document, (*path, "severity"), fields["severity"]) if own else None,
        by_confidence=_by_confidence(document, path, fields),
        title=_text(document, path, fields, "title"),
        fix=_text(document, path, fields, "fix"),
        basis=Basis(basis),
        citations=citations,
        why=why,
        cwe=_cwe(document, path, fields),
    )


def _pattern(document: Document, path: Path, fields: dict[str, Any]) -> str:
    names = [name for name in ("rule", "family") if name in fields]
    if len(names) != 1:
        raise document.error("severity.row", path, "a row has either `rule` or `family`")
    pattern = _text(document, path, fields, names[0])
    if is_glob(pattern) != (names[0] == "family"):
        raise document.error("severity.row", (*path, names[0]), "only a family has wildcards, and it has one")
    return pattern


def _citations(
    document: Document, path: Path, fields: dict[str, Any], sources: Mapping[str, Source]
) -> tuple[Citation, ...]:
    path = (*path, "source")
    says = _mapping(document, path, fields.get("source", {}))
    for key in says:
        if key not in sources:
            raise document.error("severity.source", (*path, key), f"{key} is not in {SOURCES}")
    return tuple(Citation(source=sources[key], says=_text(document, path, says, key)) for key in says)


def _by_confidence(document: Document, path: Path, fields: dict[str, Any]) -> Mapping[str, Severity]:
    path = (*path, "confidence")
    levels = _mapping(document, path, fields.get("confidence", {}))
    for key in levels:
        _choice(document, (*path, key), key, _CONFIDENCES)
    return MappingProxyType({key: _severity(document, (*path, key), level) for key, level in levels.items()})


def _cwe(document: Document, path: Path, fields: dict[str, Any]) -> tuple[str, ...]:
    names = fields.get("cwe", [])
    if not isinstance(names, list) or not all(isinstance(n, str) and _CWE.fullmatch(n) for n in names):
        raise document.error("severity.row", (*path, "cwe"), "expected a list such as [CWE-250]")
    return tuple(names)


def _severity(document: Document, path: Path, value: Any) -> Severity:
    return Severity(_choice(document, path, value, [item.value for item in Severity]))


def _choice(document: Document, path: Path, value: Any, allowed: Iterable[str]) -> str:
    if isinstance(value, str) and value in allowed:
        return value
    raise document.error("severity.row", path, f"expected one of {', '.join(allowed)}")


def _get(document: Document, path: Path, key: str) -> Any:
    fields = _mapping(document, path, document.data)
    _keys(document, path, fields, required={key})
    return fields[key]


def _mapping(document: Document, path: Path, value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise document.error("severity.row", path, "expected a mapping")


def _keys(
    document: Document,
    path: Path,
    fields: dict[str, Any],
    *,
    required: set[str],
    optional: frozenset[str] | set[str] = frozenset(),
) -> None:
    for key in fields:
        if key not in required | optional:
            raise document.error("severity.row", (*path, key), "unknown field")
    if missing := sorted(required - fields.keys()):
        raise document.error("severity.row", path, f"missing: {', '.join(missing)}")


def _text(document: Document, path: Path, fields: dict[str, Any], key: str) -> str:
    value = fields[key]
    if isinstance(value, str) and value.strip():
        return value
    raise document.error("severity.row", (*path, key), "expected a text")
