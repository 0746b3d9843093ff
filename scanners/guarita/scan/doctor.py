"""The gate's checks for `guarita doctor`: its tools."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from guarita.doctor import Check, Subject
from guarita.errors import UsageError
from guarita.scan.tools import TOOLS
from guarita.scan.tools.home import standing
from guarita.scan.tools.interface import State, Tool


def checks(_subject: Subject) -> Iterable[Check]:
    """How the tools stand that scanners run; nothing where the extra `scan` is not installed, as beside a gateway."""
    if find_spec("bandit") is None:
        return
    for tool in TOOLS:
        yield Check(f"tool {tool.name}", lambda one=tool: _stands(one))  # type: ignore[misc]


def _stands(tool: Tool) -> str:
    found = standing(tool)
    if found.state not in {State.READY, State.BORROWED}:
        raise UsageError(
            "tools.missing", f"{tool.name} is {found.state.value}: {tool.purpose}", hint="guarita tools sync"
        )
    return f"{found.state.value}: {found.version}" if found.version else found.state.value
