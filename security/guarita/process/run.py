"""Starting a program, and running one to its end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from guarita.process import errors

POLL: Final = 0.2
"""Seconds between two looks at the stop event while waiting for a process."""


@dataclass(frozen=True)
class Completed:
    """What a tool left behind."""

    status: int
    stdout: bytes
    stderr: bytes


def neutral_environment(home: Path, **extra: str) -> dict[str, str]:
    """A small environment for a tool, with `home` as HOME and nothing else of the caller's but PATH.

    The caller's variables are where tokens live, and where a tool's configuration hides.
    """
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_DATA_HOME": str(home / ".local/share"),
        "TMPDIR": tempfile.gettempdir(),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        **extra,
    }


def run_tool(
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout: float,
    stop: threading.Event,
    caller: str,
    stdin: bytes = b"",
    ok: Container[int] = (0,),
) -> Completed:
    """Run a tool to its end and give what it wrote. `caller` is who runs it, in errors.

    `timeout` is in seconds. Raises ProcessError: `process.missing`, `process.crashed` (a status not in
    `ok`), `process.hung` (past its limit, killed with all its children) or `process.stopped`.
    """
    with started(argv, cwd=cwd, env=env, caller=caller) as process:
        deadline = time.monotonic() + timeout
        feed: bytes | None = stdin
        while True:
            try:
                stdout, stderr = process.communicate(feed, timeout=POLL)
                break
            except subprocess.TimeoutExpired:
                feed = None
                check(stop, deadline, caller, str(argv[0]))
    if process.returncode not in ok:
        raise errors.crashed(caller, process.returncode, stderr)
    return Completed(process.returncode, stdout, stderr)


@contextlib.contextmanager
def started(
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str],
    caller: str,
    stdin: IO[bytes] | int = subprocess.PIPE,
    stderr: IO[bytes] | int = subprocess.PIPE,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, which is killed as a whole when the block is left.

    Raises ProcessError `process.missing`.
    """
    try:
        process = subprocess.Popen(
            [str(word) for word in argv],
            cwd=cwd,
            env=dict(env),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )
    except OSError as error:
        raise errors.missing(caller, Path(str(argv[0])).name, error.strerror) from error
    try:
        yield process
    finally:
        # The group outlives its leader: children of a tool that ended are ended too.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def check(stop: threading.Event, deadline: float, caller: str, what: str) -> None:
    """Raise ProcessError when the caller wants no more, or the time (`time.monotonic()`) is over."""
    if stop.is_set():
        raise errors.stopped(caller)
    if time.monotonic() > deadline:
        raise errors.hung(caller, Path(what).name)
