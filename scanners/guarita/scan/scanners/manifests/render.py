"""helm and kubectl, run on the staged tree: no network, no plugins, bounded in time, memory and output."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from guarita.scan.interface import ScanJob, ScannerError
from guarita.scan.process import neutral_environment, run_tool

TIMEOUT = 60.0
"""Seconds for one rendering."""
MEMORY = 4 * 1024**3
OUTPUT = 128 * 1024**2
"""Bytes of what is rendered; a template can ask for any number of them."""
LIMITED = f"""
import os, resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))
resource.setrlimit(resource.RLIMIT_FSIZE, ({OUTPUT}, {OUTPUT}))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
os.dup2(os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), 1)
os.execv(sys.argv[2], sys.argv[2:])
"""
NOWHERE = "http://127.0.0.1:9"


def render(argv: Sequence[str | Path], output: Path, job: ScanJob, scanner: str) -> str:
    """Run a renderer with its output in the file `output`. Gives its last words where it failed, else nothing.

    Raises ScannerError when the run is stopped or out of time.
    """
    home = job.scratch / "home"
    home.mkdir(exist_ok=True)
    env = neutral_environment(
        home,
        # No git to fetch with, no proxy that answers, no plugins but those that are not there.
        PATH=str(home),
        HTTP_PROXY=NOWHERE,
        HTTPS_PROXY=NOWHERE,
        HELM_PLUGINS=str(home / "plugins"),
        KUBECONFIG=str(home / "kubeconfig"),
        GOMAXPROCS=str(max(1, job.jobs)),
    )
    try:
        done = run_tool(
            [sys.executable, "-I", "-c", LIMITED, output, *argv],
            cwd=home,
            env=env,
            timeout=min(TIMEOUT, job.remaining),
            stop=job.stop,
            scanner=scanner,
            ok=range(-64, 256),
        )
    except ScannerError as error:
        if error.code == "scanner.stopped" or not job.remaining:
            raise
        return f"rendering took longer than {TIMEOUT:.0f} seconds and was ended"
    if done.status == 0:
        return ""
    return done.stderr.decode("utf-8", "replace").strip() or f"ended with status {done.status}"
