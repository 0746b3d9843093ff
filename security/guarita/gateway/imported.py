"""An application by its name, as uvicorn takes it: `main:app`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from guarita.errors import UsageError


def imported(app: str, folder: Path | None = None) -> Any:
    """The application MODULE:ATTRIBUTE, where modules of `folder` (the current one) are found; `f()` is called.

    Raises UsageError `access.app`.
    """
    module, colon, attribute = app.partition(":")
    if not colon or not module or not attribute:
        raise UsageError("access.app", f"{app!r} names no application", hint="MODULE:ATTRIBUTE, as main:app")
    if (here := str(folder or Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise UsageError("access.app", f"there is no module {error.name!r} here") from error
    name = attribute.removesuffix("()")
    try:
        for step in name.split("."):
            found = getattr(found, step)
    except AttributeError as error:
        raise UsageError("access.app", f"{module} has no {name!r}") from error
    return found() if attribute.endswith("()") else found
