"""Newer interpreters on PATH, for files whose syntax ours does not know."""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path

import guarita

NEWEST = 20
"""Minor versions that are looked for."""
BORROWED = "import runpy, sys; sys.path += sys.argv[2:]; runpy.run_module(sys.argv[1], run_name='__main__')"
"""Runs a module with our packages: bandit and what it needs are plain Python, where C is missing too."""


def newer() -> list[Path]:
    """The interpreters `python3.N` on PATH that are newer than this one, newest first. None has been tried."""
    names = (f"python3.{minor}" for minor in range(NEWEST, sys.version_info.minor, -1))
    return [Path(path) for name in names if (path := shutil.which(name))]


def command(interpreter: Path, module: str) -> list[str | Path]:
    """The command that runs one of our modules by another interpreter."""
    ours = [sysconfig.get_path("purelib"), *(str(Path(place).parent) for place in guarita.__path__)]
    return [interpreter, "-I", "-c", BORROWED, module, *dict.fromkeys(ours)]
