"""The liveness probe: `python -m acervo_worker.health` fails when the heartbeat is old."""

from __future__ import annotations

import sys
import time

from acervo_worker.app import HEARTBEAT

LIMIT = 60.0
"""Seconds."""


def alive(now: float) -> bool:
    """Whether the worker wrote its heartbeat within the limit."""
    try:
        return now - HEARTBEAT.stat().st_mtime < LIMIT
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    sys.exit(0 if alive(time.time()) else 1)
