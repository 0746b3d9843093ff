"""What the files of a tree hold that checks apply to, counted of those that a scanner read to the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from guarita.policy.frameworks import Reach
from guarita.policy.gate.coverage import FileCoverage, FileStatus
from guarita.scan.interface import TreeFile


def census(reach: Reach, files: Iterable[TreeFile], ends: Iterable[FileCoverage]) -> dict[str, int]:
    """How many files hold each kind of thing. Must be called while the tree is staged."""
    read = {end.path: end.scanners for end in ends if end.status is FileStatus.SCANNED}
    counted: Counter[str] = Counter()
    for file in files:
        if scanners := read.get(file.path):
            text = "" if file.binary else file.read().decode("utf-8", "replace")
            counted.update(reach.found(file.path, scanners, text))
    return dict(counted)
