"""Where the sockets of warm engines are: a folder of the user's own, for nobody else."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path


def runtime_folder(environment: Mapping[str, str] | None = None) -> Path | None:
    """`$XDG_RUNTIME_DIR/guarita`, else `guarita-UID` in the temporary folder; None where neither is ours alone."""
    variables = os.environ if environment is None else environment
    given = Path(variables.get("XDG_RUNTIME_DIR", ""))
    folders = [given / "guarita"] if given.is_absolute() else []
    for folder in (*folders, Path(tempfile.gettempdir()) / f"guarita-{os.geteuid()}"):
        if _is_ours(folder):
            return folder
    return None


def _is_ours(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.geteuid()
        and not found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    )
