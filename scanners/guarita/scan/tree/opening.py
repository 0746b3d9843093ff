"""From the paths that a caller gives to the tree that they mean, and its base."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from guarita.scan.tree import git, project
from guarita.scan.tree.interface import Tree, TreeError
from guarita.scan.tree.revision import Revision
from guarita.scan.tree.worktree import Folder


def open_trees(
    paths: Sequence[Path], *, diff: str | None = None, policy_named: bool = False
) -> tuple[Tree, Revision | None]:
    """The tree that the paths mean, and its base where `diff` names a revision.

    A bare repository stands for its HEAD. Otherwise the root is the project that holds the paths: the
    nearest folder upwards with a guarita.yaml in the base revision, or on disk where there is no base.
    Without one (or with `policy_named`, when a policy comes from elsewhere) one folder is its own root, and
    files are taken from their repository's top. Raises TreeError when a path or the revision does not exist.
    """
    for path in paths:
        if not path.exists():
            raise TreeError("tree.missing", f"{path}: no such file or folder")
    if len(paths) == 1 and git.place(_folder(paths[0]).resolve()).bare:
        return Revision(paths[0], "HEAD"), Revision(paths[0], diff) if diff else None
    places = [path.parent.resolve() / path.name if path.name else path.resolve() for path in paths]
    places = [place.resolve() if place.is_dir() else place for place in places]
    holder = Path(os.path.commonpath([_folder(place) for place in places]))
    commit = Revision(holder, diff).revision if diff else ""
    root = _project(holder, commit, policy_named=policy_named) or _fallback(places, holder)
    only = () if root in places else tuple(place.relative_to(root).as_posix() for place in places)
    tree = Folder(root, only=only, name=" ".join(map(str, paths)))
    return tree, Revision(root, diff, only=only) if diff else None


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _project(holder: Path, commit: str, *, policy_named: bool) -> Path | None:
    if policy_named:
        return None
    return project.project_root(holder, project.at_revision(holder, commit) if commit else project.on_disk)


def _fallback(places: Sequence[Path], holder: Path) -> Path:
    if places == [holder]:
        return holder
    top = git.top(holder)
    return top if top and all(place.is_relative_to(top) for place in places) else holder
