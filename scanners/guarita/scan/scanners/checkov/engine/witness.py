"""What checkov swallows: checks that raise, and warnings that something was left out. Here they are kept."""

from __future__ import annotations

import logging
from typing import Any

from checkov.common.checks.base_check import BaseCheck
from checkov.runner_filter import RunnerFilter

FILTER = RunnerFilter(show_progress_bar=False)
"""All checks, nothing downloaded."""
LOST = {
    "Unable to load module": "a module could not be loaded",
    "failed to load via": "a module could not be loaded",
    "does not have source attribute": "a module has no source",
    "Failed to add block": "a block was left out",
    "Failed to get module name": "a module's resource was left out",
    "Failed to find context": "a resource was left out of the checks over several",
    "Did not find context": "a resource was left out of the checks over several",
    "Failed in connecting module": "a module's provider was left out",
    "graph edge evaluation loops": "values were not followed to their end",
    "as it is not a valid": "a file was left out",
    "Failed to create a new template": "values were not followed to their end",
}
"""What checkov says when it leaves something out, and what that means. Its other warnings lose nothing."""
raised: list[str] = []
"""The checks that raised since the last `reset`, with what they looked at."""


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


_kept = _Kept()


def reset() -> None:
    """Forget what was seen, and from now on see: checkov's own handlers are taken away."""
    raised.clear()
    _kept.messages.clear()
    root = logging.getLogger()
    root.handlers[:] = [_kept]
    root.setLevel(logging.WARNING)
    logging.disable(logging.INFO)


def lost() -> list[str]:
    """What checkov left out since the last `reset`. In our words: its own quote the content."""
    return sorted({words for message in _kept.messages for start, words in LOST.items() if start in message})


def _watch() -> None:
    run = BaseCheck.run

    def watched(self: Any, *rest: Any, **named: Any) -> Any:
        try:
            return run(self, *rest, **named)
        except Exception:
            # Any check may raise anything. checkov makes that an `unknown`, which nobody sees.
            raised.append(f"{self.id} could not judge {self.entity_path.rpartition(':')[2]}")
            raise

    def unsaid(*_: Any, **__: Any) -> None:
        """What checkov would log of a check that raised, with the whole resource."""

    BaseCheck.run = watched
    BaseCheck.log_check_error = unsaid


_watch()
