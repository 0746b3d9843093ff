"""Terraform's folders in the parts that know nothing of each other: root modules with the modules they call."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import Final

from guarita.scan.interface import TreeFile

_RELATIVE: Final = re.compile(rb"\.{1,2}/[^\s\"'`$)<>|;,]*")
"""Whatever looks like a path from here, in a string, a comment or a here-document: one too many only joins."""
_ESCAPE: Final = re.compile(rb"\\[uU]")
"""May spell a path so that it does not look like one."""


def components(files: Sequence[TreeFile]) -> list[list[TreeFile]]:
    """The files in parts, each sorted by path: folders stand together where one names the other."""
    folders: dict[str, list[TreeFile]] = {}
    for file in files:
        folders.setdefault(_folder(file), []).append(file)
    parents = {folder: folder for folder in folders}

    def top(folder: str) -> str:
        while parents[folder] != folder:
            parents[folder] = parents[parents[folder]]
            folder = parents[folder]
        return folder

    for folder, inside in folders.items():
        for other in _named(folder, inside, folders):
            parents[top(other)] = top(folder)
    parts: dict[str, list[TreeFile]] = {}
    for file in sorted(files, key=lambda file: file.path):
        parts.setdefault(top(_folder(file)), []).append(file)
    return list(parts.values())


def _named(folder: str, files: Sequence[TreeFile], folders: dict[str, list[TreeFile]]) -> Iterator[str]:
    for file in files:
        content = file.read()
        if _ESCAPE.search(content):
            yield from folders
            return
        for path in set(_RELATIVE.findall(content)):
            other = posixpath.normpath(posixpath.join(folder, path.decode("utf-8", "surrogateescape")))
            if (other := "" if other == "." else other) in folders:
                yield other


def _folder(file: TreeFile) -> str:
    # As they are staged: that is where the engine follows them.
    return file.place.rpartition("/")[0]
