"""Python environments from a lock with hashes, by uv where it is there, else by venv and pip."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from guarita.scan.interface import ScannerError
from guarita.scan.process import Completed, run_tool
from guarita.scan.tools.interface import Report, ToolError

TIMEOUT = 1800.0
"""Seconds for one step: a slow network is no reason to give up."""
OWN_PYTHON = (
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "VIRTUAL_ENV",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON",
)
"""Variables that would make the new environment look into the caller's."""


def make_environment(folder: Path, lock: bytes, report: Report) -> None:
    """Make a virtual environment in `folder` with exactly what `lock` names, checked by hash, compiled.

    The caller's index, proxy and certificate settings apply. Raises ToolError.
    """
    requirements = folder / "requirements.txt"
    requirements.write_bytes(lock)
    python = folder / "bin/python"
    uv = shutil.which("uv")
    if uv:
        report(f"making an environment by {Path(uv).name}")
        _step([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, folder])
        report("installing by uv, checked by hash")
        install = ["pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode", "--link-mode", "copy"]
        _step([uv, *install, "--python", python, requirements])
    else:
        report("making an environment by venv")
        _step([sys.executable, "-I", "-m", "venv", folder], hint="apt install python3-venv, or install uv")
        report("installing by pip, checked by hash")
        install = ["install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps"]
        _step([python, "-m", "pip", *install, "--require-hashes", "--compile", "-r", requirements])
    _drop_scripts(folder / "bin")


def run(argv: Sequence[str | Path], *, timeout: float, env: dict[str, str]) -> Completed:
    """Run a program of a tool to its end. Raises ToolError with its last words."""
    try:
        return run_tool(
            argv, cwd=Path("/"), env=env, timeout=timeout, stop=threading.Event(), scanner="tools sync"
        )
    except ScannerError as error:
        raise ToolError("tools.failed", error.message) from error


def _step(argv: Sequence[str | Path], hint: str = "") -> None:
    env = {name: value for name, value in os.environ.items() if name not in OWN_PYTHON}
    try:
        run(argv, timeout=TIMEOUT, env=env)
    except ToolError as error:
        raise ToolError(
            "tools.sync-failed",
            f"{Path(str(argv[0])).name} failed: {error.message}",
            hint=hint or "look at the network and the index settings, then run `guarita tools sync` again",
        ) from error


def _drop_scripts(folder: Path) -> None:
    """Scripts carry the path that the environment had before it was renamed; only the interpreter is used."""
    for script in folder.iterdir():
        if script.is_dir():
            shutil.rmtree(script)
        elif not script.name.startswith("python"):
            script.unlink()
