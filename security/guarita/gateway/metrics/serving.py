"""Where metrics are served: at a path of the application, or at a port of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from guarita.errors import MissingExtraError, UsageError
from guarita.gateway.metering import Meter


@dataclass(frozen=True, slots=True)
class Served:
    """Metrics at a path, to whomever the access policy lets through."""

    path: str

    def exposition(self) -> tuple[bytes, bytes]:
        """Media type and text."""
        from guarita.gateway.metrics import prometheus  # noqa: PLC0415  # there, since a meter is

        return prometheus.exposition()


def meter() -> Meter:
    """What counts. Raises MissingExtraError."""
    try:
        from guarita.gateway.metrics import prometheus  # noqa: PLC0415  # needs an extra
    except ModuleNotFoundError as error:
        raise MissingExtraError("gateway", error.name or "prometheus_client") from error
    return prometheus.meter()


@contextlib.contextmanager
def serving(host: str, port: int) -> Iterator[None]:
    """Serve metrics at a port of their own, in a thread, while the block runs.

    Raises UsageError `gateway.metrics` where the port cannot be had.
    """
    from prometheus_client import start_http_server  # noqa: PLC0415  # there, since a meter is

    from guarita.gateway.metrics import prometheus  # noqa: PLC0415  # there, since a meter is

    try:
        server, thread = start_http_server(port, host, prometheus.whole())
    except OSError as error:
        raise UsageError(
            "gateway.metrics", f"gateway.metrics: {host}:{port} cannot be listened on: {error.strerror}"
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
