"""What stands in a tree, as far as a starting configuration depends on it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from guarita.config import ScanSection
from guarita.scan.interface import Scanner, TreeFile
from guarita.scan.tree import Tree
from guarita.scan.tree.interface import Entry, EntryKind

HEAD = 8192
FOREIGN = re.compile(r"vendor|vendored|third[_-]party|node_modules|bower_components|external|_vendor")
"""Folders whose code is somebody else's, by the names that people give them."""
SAMPLES = re.compile(r"tests?|testdata|fixtures|__fixtures__|examples?|samples?")
"""Folders that often hold faults on purpose."""


@dataclass(frozen=True)
class Survey:
    """What a tree holds."""

    files: int
    claimed: dict[str, int]
    """How many files each scanner claims, by its name, in the order of the scanners."""
    foreign: dict[str, int]
    """Folders of other people's code, with how many files they hold, most first."""
    samples: dict[str, int]
    """Folders of tests and examples likewise."""
    large: tuple[tuple[str, int], ...]
    """Text files over the limit of size, with their bytes, largest first."""


def survey(tree: Tree, scanners: Iterable[Scanner]) -> Survey:
    """Look at names, sizes and heads; no file is read whole. Raises TreeError when it cannot be listed."""
    limit = ScanSection().max_file_size
    claimed = {scanner.name: 0 for scanner in scanners}
    foreign: Counter[str] = Counter()
    samples: Counter[str] = Counter()
    large, files = [], 0
    for entry in tree.entries():
        if entry.kind is not EntryKind.FILE:
            continue
        files += 1
        file = TreeFile(
            path=entry.path, size=entry.size, digest="", staged=Path(entry.path), head=_head(tree, entry)
        )
        for scanner in scanners:
            claimed[scanner.name] += scanner.claims(file)
        for names, counts in ((FOREIGN, foreign), (SAMPLES, samples)):
            if folder := _folder(entry.path, names):
                counts[folder] += 1
        if entry.size > limit and not file.binary:
            large.append((entry.path, entry.size))
    return Survey(
        files=files,
        claimed=claimed,
        foreign=dict(foreign.most_common()),
        samples=dict(samples.most_common()),
        large=tuple(sorted(large, key=lambda found: -found[1])),
    )


def _head(tree: Tree, entry: Entry) -> bytes:
    try:
        with tree.open(entry) as stream:
            return stream.read(HEAD)
    except OSError:
        return b""


def _folder(path: str, names: re.Pattern[str]) -> str:
    """The outermost folder on the way whose name matches, with its slash, or nothing."""
    parts = path.split("/")[:-1]
    for depth, part in enumerate(parts, start=1):
        if names.fullmatch(part.lower()):
            return "/".join(parts[:depth]) + "/"
    return ""
