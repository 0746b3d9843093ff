"""Where tools live, and how one gets there: made aside, renamed into place, complete or absent."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from guarita.scan.tools.interface import Report, Standing, State, Tool, ToolError

RECORD = "guarita-tool.json"
"""Written last into a tool's folder: its name and version."""


def tools_home(environment: Mapping[str, str] | None = None) -> Path:
    """The folder that holds all tools: `$GUARITA_TOOLS_HOME`, else `guarita/tools` in the user's data folder.

    A relative `XDG_DATA_HOME` is ignored, as the XDG Base Directory Specification asks.
    """
    variables = os.environ if environment is None else environment
    if own := variables.get("GUARITA_TOOLS_HOME"):
        return Path(own).absolute()
    data = Path(variables.get("XDG_DATA_HOME", ""))
    home = Path(variables.get("HOME") or "~").expanduser()
    base = data if data.is_absolute() else home / ".local/share"
    return base / "guarita" / "tools"


def standing(tool: Tool) -> Standing:
    """How the tool stands, without running it."""
    folder = tools_home() / tool.label
    version = _recorded(folder)
    if version is not None:
        if os.access(tool.entry(folder), os.X_OK):
            return Standing(State.READY, version, folder)
        return tool.borrowed() or Standing(State.BROKEN, version, folder)
    return tool.borrowed() or Standing(State.MISSING)


def sync(tool: Tool, *, force: bool = False, report: Report = lambda _: None) -> tuple[Standing, bool]:
    """Make the tool unless it stands and runs. Gives how it stands, and whether it was made now.

    Safe beside other syncs: one makes, the others wait and find it made. Raises ToolError.
    """
    home = tools_home()
    target = home / tool.label
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _alone(home / f".{tool.name}.lock"):
            if not force and (version := _works(tool, target)) is not None:
                return Standing(State.READY, version, target), False
            return _make(tool, target, report), True
    except OSError as error:
        raise ToolError(
            "tools.home",
            f"{home}: {error.strerror or error}",
            hint="set GUARITA_TOOLS_HOME to a folder that can be written and has 400 MB free",
        ) from error


def _make(tool: Tool, target: Path, report: Report) -> Standing:
    for leftover in target.parent.glob(f".{tool.name}-*.partial"):
        shutil.rmtree(leftover, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{tool.label}-", suffix=".partial", dir=target.parent))
    try:
        tool.make(folder, report)
        report(f"trying {tool.name}")
        version = tool.probe(folder)
        record = {"tool": tool.name, "version": version}
        (folder / RECORD).write_text(json.dumps(record) + "\n", encoding="utf-8")
        folder.chmod(0o755)
        if target.exists():
            # Two renames: a reader sees the old folder, none, or the new one, never a mixture.
            aside = target.with_name(f".{tool.label}-{os.getpid()}.partial")
            target.rename(aside)
            folder.rename(target)
            shutil.rmtree(aside, ignore_errors=True)
        else:
            folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Standing(State.READY, version, target)


def _works(tool: Tool, folder: Path) -> str | None:
    if _recorded(folder) is None:
        return None
    with contextlib.suppress(ToolError):
        return tool.probe(folder)
    return None


def _recorded(folder: Path) -> str | None:
    try:
        record = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError):
        return None
    version = record.get("version") if isinstance(record, dict) else None
    return version if isinstance(version, str) else None


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
