"""The caller's cache folder: what a run makes once and the next one need not make again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def cache_folder(environment: Mapping[str, str] | None = None) -> Path | None:
    """`$XDG_CACHE_HOME/guarita`, else `~/.cache/guarita`; None where it cannot be written.

    A relative `XDG_CACHE_HOME` is ignored, as the XDG Base Directory Specification asks.
    """
    variables = os.environ if environment is None else environment
    base = Path(variables.get("XDG_CACHE_HOME", ""))
    folder = (base if base.is_absolute() else Path(variables.get("HOME") or "/") / ".cache") / "guarita"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None
