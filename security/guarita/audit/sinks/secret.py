"""Secrets of sinks: read when they are needed, from where guarita.yaml says."""

from __future__ import annotations

import os
from pathlib import Path

from guarita.audit.events.secret import Secret
from guarita.config.sinks import SecretSource
from guarita.errors import UsageError


def read_secret(source: SecretSource, folder: Path) -> Secret:
    """The secret that `source` names; a relative file is looked for in `folder`.

    Raises UsageError `audit.sink-secret`, which names the place and never the value.
    """
    if source.env is not None:
        value, where = os.environ.get(source.env, ""), f"the environment variable {source.env}"
    else:
        path = folder / (source.file or "")
        where = str(path)
        try:
            value = path.read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            raise UsageError("audit.sink-secret", f"{path}: cannot be read") from error
    if not value or not value.isprintable():
        raise UsageError("audit.sink-secret", f"{where}: holds no secret on one line")
    return Secret(value)
