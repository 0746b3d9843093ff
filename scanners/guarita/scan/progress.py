"""What commands that scan share: the engines' presence, and a bar for each scanner."""

from __future__ import annotations

import importlib.util
import threading
from typing import TYPE_CHECKING

from guarita.cli import Bars
from guarita.errors import MissingExtraError
from guarita.scan.runner import Progress

if TYPE_CHECKING:
    from rich.progress import TaskID


def engines_here() -> None:
    """Raise MissingExtraError unless the extra `scan` is installed.

    Engines are imported by workers: the extra's absence would be an answer of each, where one line says it.
    """
    if importlib.util.find_spec("bandit") is None:
        raise MissingExtraError("scan", "bandit")


def shown(bars: Bars) -> Progress:
    """Progress of the scanners, a bar each."""
    tasks: dict[str, TaskID] = {}
    lock = threading.Lock()

    def progress(name: str, done: int, total: int) -> None:
        with lock:  # scanners report from threads of their own
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
        bars.update(tasks[name], completed=done, total=total)

    return progress
