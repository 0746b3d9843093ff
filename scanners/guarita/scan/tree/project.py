"""The project that a path belongs to: the nearest folder upwards with a guarita.yaml, in the same repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from guarita.config import FILE_NAME
from guarita.scan.tree import git

Holds = Callable[[Path], bool]
"""Whether this folder (an absolute path in the repository) holds a policy."""


def project_root(folder: Path, holds: Holds) -> Path | None:
    """The nearest folder from `folder` up to the repository's top that holds a policy, or None.

    Outside git only `folder` itself counts: what lies above it is nobody's project.
    """
    folder = folder.resolve()
    top = git.top(folder)
    for candidate in (folder, *folder.parents):
        if holds(candidate):
            return candidate
        if top is None or candidate == top:
            return None
    return None


def on_disk(folder: Path) -> bool:
    """Whether the folder holds a policy as a plain file: a link is none."""
    file = folder / FILE_NAME
    return file.is_file() and not file.is_symlink()


def at_revision(repository: Path, revision: str) -> Holds:
    """Whether a folder holds a policy in a revision: a change cannot move the judge by adding one."""
    top = git.top(repository)

    def holds(folder: Path) -> bool:
        if top is None or not folder.is_relative_to(top):
            return False
        path = (folder / FILE_NAME).relative_to(top).as_posix()
        return git.attempt(repository, "cat-file", "-e", f"{revision}:{path}").returncode == 0

    return holds
