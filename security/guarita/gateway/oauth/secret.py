"""Secrets of ours that OAuth needs, read when they are needed from where guarita.yaml says."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from guarita.config.sinks import SecretSource
from guarita.errors import UsageError


def reader(source: SecretSource, folder: Path, *, lines: bool = False) -> Callable[[], str]:
    """What reads the secret; a relative file is looked for in `folder`. A PEM has `lines`, anything else has one.

    Reading raises UsageError `gateway.secret`, which names the place and never the value.
    """

    def read() -> str:
        if source.env is not None:
            value, where = os.environ.get(source.env, ""), f"the environment variable {source.env}"
        else:
            path = folder / (source.file or "")
            where = str(path)
            try:
                value = path.read_text("utf-8").strip()
            except (OSError, ValueError) as error:
                raise UsageError("gateway.secret", f"{path}: cannot be read") from error
        if not value or not (lines or value.isprintable()):
            raise UsageError("gateway.secret", f"{where}: holds no secret on one line")
        return value

    return read
