"""Lock files: uv, Poetry, PDM, PEP 751, Pipenv, npm. Each names one version of everything."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from packaging.utils import canonicalize_name

from guarita.scan.scanners.dependencies.interface import Ecosystem, Package, Read, UnreadableError

_OWN: Final = ("editable", "virtual", "directory", "path")
"""Sources that are this very tree."""
_TABLE: Final = re.compile(r"^\[\[packages?\]\]", re.MULTILINE)
MODULES: Final = "node_modules/"


def read_toml_lock(content: bytes) -> Read:
    """`uv.lock`, `poetry.lock`, `pdm.lock` and `pylock.toml` (PEP 751). Raises UnreadableError."""
    try:
        text = content.decode("utf-8-sig")
        data = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnreadableError("it is not valid TOML") from error
    entries = data.get("packages", data.get("package", []))
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UnreadableError("it has no list of packages")
    lines = [text.count("\n", 0, match.start()) + 1 for match in _TABLE.finditer(text)]
    lines += [1] * (len(entries) - len(lines))
    return Read([found for entry, line in zip(entries, lines, strict=False) for found in _entry(entry, line)])


def _entry(entry: dict[str, Any], line: int) -> Iterator[Package]:
    name, version = entry.get("name"), entry.get("version", "")
    if not isinstance(name, str) or not isinstance(version, str):
        raise UnreadableError(f"the package at line {line} has no name")
    source = entry.get("source") if isinstance(entry.get("source"), dict) else {}
    own = entry if "directory" in entry else source
    if isinstance(own, dict) and any(key in own for key in _OWN):
        return
    outside = ""
    if isinstance(source, dict):
        outside = (
            "git" if "git" in source or source.get("type") == "git" else "url" if "url" in source else ""
        )
        outside = "" if source.get("type") == "legacy" else outside
    if "vcs" in entry or "git" in entry:
        outside = "git"
    yield Package(Ecosystem.PYPI, canonicalize_name(name), version, line, outside)


def read_pipfile_lock(content: bytes) -> Read:
    """`Pipfile.lock`. Raises UnreadableError."""
    text, data = _json(content)
    packages = []
    for group, entries in data.items():
        if group == "_meta" or not isinstance(entries, dict):
            continue
        for name, entry in entries.items():
            fields = entry if isinstance(entry, dict) else {}
            version = str(fields.get("version", "")).removeprefix("==")
            outside = next((key for key in ("git", "path", "file") if key in fields), "")
            line = _line(text, json.dumps(name))
            packages.append(Package(Ecosystem.PYPI, canonicalize_name(name), version, line, outside))
    return Read(packages)


def read_npm_lock(content: bytes) -> Read:
    """`package-lock.json` and `npm-shrinkwrap.json` of any version. Raises UnreadableError."""
    text, data = _json(content)
    if isinstance(data.get("packages"), dict):
        return Read(list(_placed(data["packages"], text)))
    if isinstance(data.get("dependencies"), dict):
        return Read(list(_nested(data["dependencies"], text)))
    if data.get("lockfileVersion") is None:
        raise UnreadableError("it is no lock file of npm")
    return Read([])


def _placed(packages: dict[str, Any], text: str) -> Iterator[Package]:
    at = 0
    for place, entry in packages.items():
        if not place or not isinstance(entry, dict):
            continue
        at = max(at, text.find(f"{json.dumps(place, ensure_ascii=False)}:", at))
        if entry.get("link") or MODULES not in place:
            continue  # a workspace of this very tree
        name = entry.get("name") or place.rpartition(MODULES)[2]
        yield _npm(name, entry, text.count("\n", 0, at) + 1)


def _nested(dependencies: dict[str, Any], text: str, depth: int = 0) -> Iterator[Package]:
    if depth > 100:  # noqa: PLR2004  # deeper than any tree that npm makes
        raise UnreadableError("it is nested too deeply")
    for name, entry in dependencies.items():
        if isinstance(entry, dict):
            yield _npm(name, entry, _line(text, json.dumps(name)))
            inner = entry.get("dependencies")
            if isinstance(inner, dict):
                yield from _nested(inner, text, depth + 1)


def _npm(name: Any, entry: dict[str, Any], line: int) -> Package:
    version, licence = entry.get("version", ""), entry.get("license", "")
    if not isinstance(name, str) or not isinstance(version, str):
        raise UnreadableError(f"the package at line {line} has no name or version")
    resolved = str(entry.get("resolved", ""))
    outside = "git" if resolved.startswith("git") or version.startswith("git") else ""
    if version.startswith(("http:", "https:", "file:")):
        outside, version = "url", ""
    if version.startswith("npm:"):  # an alias: the real name and version
        name, _, version = version.removeprefix("npm:").rpartition("@")
    if isinstance(licence, dict):
        licence = licence.get("type", "")
    return Package(Ecosystem.NPM, name, version, line, outside, licence if isinstance(licence, str) else "")


def _json(content: bytes) -> tuple[str, dict[str, Any]]:
    try:
        text = content.decode("utf-8-sig")
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("it is not valid JSON") from error
    if not isinstance(data, dict):
        raise UnreadableError("it is no object")
    return text, data


def _line(text: str, word: str) -> int:
    at = text.find(f"{word}:")
    return text.count("\n", 0, at) + 1 if at >= 0 else 1


def licences(expression: str) -> Iterable[str]:
    """The identifiers in an SPDX expression."""
    return re.findall(r"[A-Za-z0-9][A-Za-z0-9.+-]*", re.sub(r"\b(?:AND|OR|WITH)\b", " ", expression))
