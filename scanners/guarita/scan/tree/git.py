"""git, asked so that a hostile repository can neither run anything nor answer for long."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from guarita.scan.tree.interface import TreeError

TIMEOUT = 120.0
"""Seconds that one question may take."""

# A repository's own configuration may name programs: a file-system monitor, hooks, filters, pagers, external
# diffs. None of the commands used here runs a filter or a diff driver; the rest is switched off.
SAFE = (
    "-c", "core.fsmonitor=false",
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.untrackedCache=false",
    "-c", "core.pager=cat",
    "-c", "core.sshCommand=false",
    "-c", "protocol.allow=never",
    "-c", "credential.helper=",
    "-c", "core.quotePath=false",
)  # fmt: skip


def available() -> bool:
    """Whether git is installed."""
    return shutil.which("git") is not None


def environment() -> dict[str, str]:
    """The caller's environment less what redirects git elsewhere, and without prompts or lazy fetches."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    kept.update(
        GIT_TERMINAL_PROMPT="0",
        GIT_OPTIONAL_LOCKS="0",
        GIT_NO_LAZY_FETCH="1",
        GIT_NO_REPLACE_OBJECTS="1",
        LC_ALL="C",
    )
    # These two are how a CI runner declares a checkout of another user safe.
    kept.update({k: v for k, v in os.environ.items() if k.startswith("GIT_CONFIG_")})
    return kept


def arguments(folder: Path, *words: str) -> list[str]:
    """The whole command line for a question about the repository at `folder`."""
    return ["git", "-C", str(folder), *SAFE, *words]


def ask(folder: Path, *words: str) -> bytes:
    """What git answers.

    Raises TreeError (`tree.git`) with git's own words when it refuses, or does not answer in time.
    """
    answer = attempt(folder, *words)
    if answer.returncode:
        said = answer.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = said[0].removeprefix("fatal: ") if said else f"status {answer.returncode}"
        raise TreeError("tree.git", f"git {words[0]}: {reason}", hint=_hint(reason, folder))
    return answer.stdout


def attempt(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """The finished process, whatever its status. Raises TreeError when git is missing or hangs."""
    try:
        return subprocess.run(
            arguments(folder, *words),
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    except FileNotFoundError as error:
        raise TreeError(
            "tree.no-git", "git is not installed", hint="install git, or scan without --diff"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise TreeError("tree.git", f"git {words[0]} did not answer within {TIMEOUT:.0f} seconds") from error


class Question:
    """A question that git answers while others are asked."""

    def __init__(self, folder: Path, *words: str) -> None:
        self._folder = folder
        self._words = words
        self._pool = ThreadPoolExecutor(1)
        self._answer = self._pool.submit(ask, folder, *words)

    def answer(self) -> bytes:
        """What git answers. Raises TreeError as `ask`."""
        with self._pool:
            return self._answer.result()


@dataclass(frozen=True)
class Place:
    """Where a folder stands."""

    bare: bool = False
    top: Path | None = None
    """The top of the work tree around it, None outside one."""


@functools.lru_cache(maxsize=64)
def place(folder: Path) -> Place:
    """Where a folder stands, asked once. Nothing of git's is there where git refuses, or is not installed."""
    if not available():
        return Place()
    done = attempt(folder, "rev-parse", "--is-bare-repository", "--show-toplevel")
    lines = os.fsdecode(done.stdout).split("\n", 1)
    if done.returncode:
        return Place(bare=lines[0] == "true")
    return Place(bare=lines[0] == "true", top=Path(lines[1].removesuffix("\n")).resolve())


def answer(folder: Path, *words: str) -> str:
    """What git answers as text, empty where it refuses, or is not installed."""
    if not available():
        return ""
    done = attempt(folder, *words)
    return os.fsdecode(done.stdout).rstrip("\n") if done.returncode == 0 else ""


def top(folder: Path) -> Path | None:
    """The top of the work tree that `folder` stands in, or None outside git."""
    return place(folder).top


def _hint(reason: str, folder: Path) -> str | None:
    if "dubious ownership" in reason:
        return f"git config --global --add safe.directory {folder.resolve()}"
    return None
