"""Where a tree is staged: in memory where it is small and there is room, else in the temporary folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from guarita.scan.tree.interface import Entry

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # the file system is the point; the folder in it is our own
SMALL = 64 * 1024 * 1024
"""Bytes of a tree that may stand in memory. What stands there counts against a container's limit."""


@contextmanager
def staging(entries: Iterable[Entry]) -> Iterator[Path]:
    """A folder of our own, readable by us alone, removed at the end.

    Making thousands of files on a disk takes seconds, in memory a fraction of one. `TMPDIR`, where it is
    set, is the caller's word and is kept to.
    """
    size = sum(entry.size for entry in entries)
    place = SHARED_MEMORY if size <= SMALL and _room(SHARED_MEMORY, 4 * size + SMALL) else None
    with tempfile.TemporaryDirectory(prefix="guarita-", dir=place, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _room(folder: Path, size: int) -> bool:
    if os.environ.get("TMPDIR") or not os.access(folder, os.W_OK | os.X_OK):
        return False
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    # Four files of slack for each of a tree's: what scanners write beside it.
    return found.f_bavail * found.f_frsize >= size and (not found.f_files or found.f_favail > 100_000)  # noqa: PLR2004
