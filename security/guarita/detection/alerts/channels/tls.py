"""What a channel trusts: the system's authorities, or those that guarita.yaml names."""

from __future__ import annotations

import ssl
from pathlib import Path

from guarita.detection.alerts.errors import AlertsUsageError


def context(ca_file: str | None, folder: Path) -> ssl.SSLContext:
    """A client's context that verifies certificate and name; a relative file is in `folder`.

    Raises AlertsUsageError `alerts.ca-file`.
    """
    if ca_file is None:
        return ssl.create_default_context()
    path = folder / ca_file
    try:
        return ssl.create_default_context(cafile=str(path))
    except (OSError, ssl.SSLError) as error:
        raise AlertsUsageError("alerts.ca-file", f"{path}: holds no certificates that can be read") from error
