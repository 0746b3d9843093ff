"""The seam for tools that cannot share our environment: what a tool is, and how it stands on this machine."""

from __future__ import annotations

import abc
import enum
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import ClassVar

from guarita.errors import GuaritaError

Report = Callable[[str], None]
"""Called with a line about what is being done now."""


class ToolError(GuaritaError):
    """A tool could not be made or does not run here: what needs it is unknown."""


class State(enum.Enum):
    """How a tool stands on this machine."""

    READY = "ready"
    """Made by `guarita tools sync` from the lock of this version."""
    BORROWED = "borrowed"
    """Not ours, but usable: from the same environment, or found on PATH."""
    BROKEN = "broken"
    """Made, but it no longer runs."""
    MISSING = "missing"


@dataclass(frozen=True)
class Standing:
    """What is known about a tool here."""

    state: State
    version: str = ""
    path: Path | None = None


class Tool(abc.ABC):
    """One tool with an environment of its own, named after the digest of the lock it is made from."""

    name: ClassVar[str]
    purpose: ClassVar[str]
    """What it is for, in a line."""

    @property
    def lock(self) -> bytes:
        """The requirements with hashes that the tool is made from; part of this package."""
        return resources.files(__package__).joinpath("locks", f"{self.name}.txt").read_bytes()

    @property
    def label(self) -> str:
        """The name of its folder: another lock is another folder, so nothing is changed in place."""
        return f"{self.name}-{hashlib.sha256(self.lock).hexdigest()[:12]}"

    @abc.abstractmethod
    def make(self, folder: Path, report: Report) -> None:
        """Put the tool into the empty `folder`. Raises ToolError, after which the folder is thrown away."""

    @abc.abstractmethod
    def probe(self, folder: Path) -> str:
        """Run the tool in `folder` and give its version. Raises ToolError when it does not run."""

    @abc.abstractmethod
    def entry(self, folder: Path) -> Path:
        """The file in `folder` by which it is known to be there."""

    @abc.abstractmethod
    def borrowed(self) -> Standing | None:
        """What stands in for it where it has not been made, or None."""
