"""`--watch`: judge again whenever the tree is no longer what it was."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable

from guarita.scan.tree import Folder

PAUSE = 0.5
"""Seconds between two looks."""


def state(tree: Folder) -> Hashable:
    """What tells that a file was written, came or went: names, sizes, times. No content is read."""
    found = []
    for entry in tree.entries():
        try:
            status = os.lstat(os.path.join(tree.root, entry.path))  # noqa: PTH118  # surrogate escapes, and quick
        except OSError:
            continue
        found.append((entry.path, status.st_mtime_ns, status.st_ino, status.st_size))
    return tuple(found)


def watch(
    judge: Callable[[], None], look: Callable[[], Hashable], stop: threading.Event, pause: float = PAUSE
) -> None:
    """Call `judge` now, and again when `look` gives something else and has come to rest, until `stop`.

    `pause` is in seconds. What changes while it is judged is judged next.
    """
    known = look()
    judge()
    while not stop.wait(pause):
        seen = look()
        if seen == known:
            continue
        while not stop.wait(pause / 2) and (now := look()) != seen:
            seen = now  # an editor or git is still writing
        if not stop.is_set():
            known = seen
            judge()
