"""The cache's folder: the caller's own, and never a place that the scanned tree can put something into."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from guarita.errors import UsageError


def cache_folder(environment: Mapping[str, str] | None = None) -> Path | None:
    """`$XDG_CACHE_HOME/guarita`, else `~/.cache/guarita`; None where it cannot be written or is not ours alone.

    A relative `XDG_CACHE_HOME` is ignored, as the XDG Base Directory Specification asks.
    """
    variables = os.environ if environment is None else environment
    base = Path(variables.get("XDG_CACHE_HOME", ""))
    folder = (base if base.is_absolute() else Path(variables.get("HOME") or "/") / ".cache") / "guarita"
    return None if _made(folder) else folder


def chosen_folder(folder: Path) -> Path:
    """The folder of `--cache`, resolved and made. Raises UsageError (`cache.folder`) where it cannot be used."""
    folder = folder.absolute()
    if problem := _made(folder):
        raise UsageError(
            "cache.folder",
            f"--cache {folder}: {problem}",
            hint="name a folder of your own outside the tree, or use --no-cache",
        )
    return folder.resolve()


def _made(folder: Path) -> str:
    """Make the folder. Gives why it cannot be used, or nothing."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError as error:
        return error.strerror or "it cannot be made"
    if found.st_uid != os.geteuid():
        return "it belongs to another user"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "others can write to it"
    return "" if os.access(folder, os.W_OK | os.X_OK) else "it cannot be written"
