"""pip's requirements files and the dependencies of pyproject.toml (PEP 508, 621, 735; pip's requirements format)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from guarita.scan.scanners.dependencies.interface import Ecosystem, Package, Read, UnreadableError

_COMMENT: Final = re.compile(r"(^|\s)#.*$")
_HASH: Final = re.compile(r"\s--hash[=\s]\S+")
_TAKES_IN: Final = re.compile(r"(?:-r|--requirement|-c|--constraint)[=\s]\s*(\S+)$|(?:-r|-c)(\S+)$")
_EDITABLE: Final = re.compile(r"(?:-e|--editable)[=\s]\s*(.+)$")
_NAMED: Final = re.compile(r"[#&]egg=([A-Za-z0-9._-]+)")
_VCS: Final = re.compile(r"^(?:git|hg|svn|bzr)\+")


def read_requirements(content: bytes) -> Read:
    """A requirements or constraints file. Raises UnreadableError."""
    packages: list[Package] = []
    takes_in: list[str] = []
    for number, line in _lines(_text(content)):
        if found := _TAKES_IN.match(line):
            takes_in.append(found.group(1) or found.group(2))
        elif found := _EDITABLE.match(line):
            packages.append(_elsewhere(found.group(1), number))
        elif line.startswith("-"):
            continue  # an option: of the index, the format, the resolver
        else:
            packages.append(_package(line, number))
    return Read(packages, takes_in)


def read_pyproject(content: bytes) -> Read:
    """`[project]`, `[dependency-groups]`, `[build-system]` and Poetry's own tables. Raises UnreadableError."""
    text = _text(content)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UnreadableError("it is not valid TOML") from error
    project, poetry = _table(data, "project"), _table(_table(data, "tool"), "poetry")
    lists = [
        project.get("dependencies"),
        *_table(project, "optional-dependencies").values(),
        *_table(data, "dependency-groups").values(),
        _table(data, "build-system").get("requires"),
    ]
    words = [word for item in lists for word in _list(item) if isinstance(word, str)]
    packages = [_package(word, _line_of(text, word)) for word in words]
    for table in (poetry, *_list_of_tables(_table(poetry, "group"))):
        packages += _poetry(_table(table, "dependencies"), text)
    return Read(packages)


def _poetry(table: dict[str, Any], text: str) -> Iterator[Package]:
    for name, value in table.items():
        if name != "python":
            outside = isinstance(value, dict) and next(
                (key for key in ("git", "url", "path") if key in value), ""
            )
            yield Package(
                Ecosystem.PYPI, canonicalize_name(name), line=_line_of(text, name), origin=outside or ""
            )


def _package(words: str, line: int) -> Package:
    try:
        asked = Requirement(_HASH.sub("", words).strip())
    except InvalidRequirement as error:
        if _VCS.match(words) or "://" in words or words.startswith((".", "/")) or words.endswith(".whl"):
            return _elsewhere(words, line)
        raise UnreadableError(f"line {line} is no requirement") from error
    origin = "git" if asked.url and _VCS.match(asked.url) else "url" if asked.url else ""
    pins = [part for part in asked.specifier if part.operator in {"==", "==="} and "*" not in part.version]
    version = pins[0].version if pins else ""
    return Package(Ecosystem.PYPI, canonicalize_name(asked.name), version, line, origin)


def _elsewhere(words: str, line: int) -> Package:
    named = _NAMED.search(words)
    name = canonicalize_name(named.group(1)) if named else ""
    return Package(
        Ecosystem.PYPI,
        name,
        line=line,
        origin="git" if _VCS.match(words) else "url" if "://" in words else "path",
    )


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Logical lines with the number of their first, as pip joins and strips them."""
    joined, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        first = first or number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            joined += line[:-1] + " "
            continue
        if whole := _COMMENT.sub("", joined + line).strip():
            yield first, whole
        joined, first = "", 0
    if whole := _COMMENT.sub("", joined).strip():
        yield first, whole


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError("it is not UTF-8") from error


def _table(data: Any, name: str) -> dict[str, Any]:
    found = data.get(name) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _list_of_tables(data: dict[str, Any]) -> Iterable[dict[str, Any]]:
    return [value for value in data.values() if isinstance(value, dict)]


def _line_of(text: str, word: str) -> int:
    at = text.find(word)
    return text.count("\n", 0, at) + 1 if at >= 0 else 1
