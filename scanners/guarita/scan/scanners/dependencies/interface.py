"""What a file of dependencies says: packages with their versions, and the files that it takes in."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


class Ecosystem(enum.Enum):
    """As OSV names them (https://ossf.github.io/osv-schema/#affectedpackage-field)."""

    PYPI = "PyPI"
    NPM = "npm"


class UnreadableError(Exception):
    """A file of dependencies that cannot be read to its end. The message quotes nothing but names."""


@dataclass(frozen=True)
class Package:
    """One package that a file asks for."""

    ecosystem: Ecosystem
    name: str
    """Normalised as its registry does."""
    version: str = ""
    """The one version; empty where the file leaves it open."""
    line: int = 0
    origin: str = ""
    """Where it comes from, where that is no registry: `git`, `url`, `path`."""
    licence: str = ""
    """SPDX expression, where the file says one."""


@dataclass(frozen=True)
class Read:
    """What a file says."""

    packages: Sequence[Package]
    takes_in: Sequence[str] = field(default=())
    """Paths of further files, relative to this one's folder."""


Reader = Callable[[bytes], Read]
"""Raises UnreadableError."""
