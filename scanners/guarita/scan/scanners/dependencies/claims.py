"""Which files name dependencies, and how each is read."""

from __future__ import annotations

import re
from typing import Final

from guarita.scan.scanners.dependencies.interface import Reader
from guarita.scan.scanners.dependencies.locks import read_npm_lock, read_pipfile_lock, read_toml_lock
from guarita.scan.scanners.dependencies.requirements import read_pyproject, read_requirements

PYPROJECT: Final = re.compile(r"(^|/)pyproject\.toml$")
_READERS: Final[tuple[tuple[re.Pattern[str], Reader], ...]] = (
    (
        re.compile(r"(^|/)([^/]*requirements[^/]*|constraints[^/]*)\.txt$|(^|/)requirements/[^/]+\.txt$"),
        read_requirements,
    ),
    (PYPROJECT, read_pyproject),
    (re.compile(r"(^|/)(uv|poetry|pdm)\.lock$|(^|/)pylock(\.[^/]+)?\.toml$"), read_toml_lock),
    (re.compile(r"(^|/)Pipfile\.lock$"), read_pipfile_lock),
    (re.compile(r"(^|/)(package-lock|npm-shrinkwrap)\.json$"), read_npm_lock),
)
LOCKS: Final = re.compile(r"(^|/)((uv|poetry|pdm)\.lock|pylock(\.[^/]+)?\.toml|Pipfile\.lock)$")
"""What pins what a pyproject.toml of the same folder leaves open."""
_NO_TOOL: Final = re.compile(r"(^|/)(yarn\.lock|pnpm-lock\.yaml|bun\.lockb?)$")


def reader_of(path: str) -> Reader | None:
    """What reads the file at this path, or None where it names no dependencies."""
    return next((reader for pattern, reader in _READERS if pattern.search(path)), None)


def is_without_tool(path: str) -> bool:
    """Whether the file names dependencies and nothing here reads it."""
    return _NO_TOOL.search(path) is not None
