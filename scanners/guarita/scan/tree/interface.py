"""What a tree is: entries by path, each read as a stream, none of them executed or followed."""

from __future__ import annotations

import abc
import enum
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO

from guarita.errors import ExitStatus, GuaritaError


class TreeError(GuaritaError):
    """The tree itself cannot be read: no such folder, no such revision, git refuses."""

    exit_status = ExitStatus.USAGE


class EntryKind(enum.Enum):
    """What stands at a path."""

    FILE = "file"
    SYMLINK = "symlink"
    SUBMODULE = "submodule"
    REPOSITORY = "nested-repository"
    SPECIAL = "special"
    """A device, a socket, a named pipe: never opened."""
    RECORD = "audit-ledger"
    """The file that this very run writes its record to: never read, and not part of the tree's digest."""
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Entry:
    """One path of a tree."""

    path: str
    """Relative, with `/`; bytes that are not UTF-8 stand as surrogate escapes."""
    kind: EntryKind
    size: int = 0
    """Bytes, for a file."""
    identity: str = ""
    """What stands for the content where there is none to read: a link's target, a submodule's commit."""
    problem: str = ""
    """Why it cannot be read, for an unreadable one."""


class Tree(abc.ABC):
    """A tree to scan."""

    name: str
    """What to call it: the folder or revision as the caller gave it."""
    revision: str = ""
    """The commit, empty outside git; `+dirty` at its end where the folder differs from it."""
    only: tuple[str, ...] = ()
    """The paths below the root that were asked for; empty means all of it."""

    @abc.abstractmethod
    def listed(self) -> Iterator[Entry]:
        """Every entry below the root, in order of path. Raises TreeError when the tree cannot be listed."""

    @abc.abstractmethod
    def open(self, entry: Entry) -> AbstractContextManager[IO[bytes]]:
        """The content of a file entry as a stream. Raises OSError when it can no longer be read."""

    def entries(self) -> Iterator[Entry]:
        """Every entry that was asked for, in order of path. Raises TreeError as `listed`."""
        for entry in self.listed():
            if not self.only or any(
                entry.path == only or entry.path.startswith(f"{only}/") for only in self.only
            ):
                yield entry

    def read(self, path: str) -> bytes | None:
        """The content of the file at `path`, asked for or not, or None where there is none."""
        for entry in self.listed():
            if entry.path == path and entry.kind is EntryKind.FILE:
                with self.open(entry) as stream:
                    return stream.read()
        return None
