"""Redis as the gateway uses it: connected within a bound, left alone for a moment after it failed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from guarita.config.gateway_limits import RedisSection
from guarita.config.sinks import SecretSource
from guarita.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from redis.asyncio import ConnectionPool

CONNECTIONS: Final = 64
"""At once, of one process."""
COOLDOWN: Final = 1.0
"""Seconds."""


class Circuit:
    """Whether to ask what may be gone: after a failure only one in COOLDOWN seconds does, and nobody else waits."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._gone = False
        self._retry_at = 0.0

    def may_ask(self) -> bool:
        """Whether this one asks."""
        if not self._gone:
            return True
        now = self._clock()
        if now < self._retry_at:
            return False
        self._retry_at = now + COOLDOWN
        return True

    def failed(self) -> None:
        """It did not answer."""
        self._gone = True
        self._retry_at = self._clock() + COOLDOWN

    def worked(self) -> None:
        """It answered."""
        self._gone = False


def connection_pool(section: RedisSection, folder: Path, *, timeout: float) -> ConnectionPool:
    """Connections that are made when they are needed; none waits longer than `timeout` seconds for anything.

    Raises UsageError `redis.password`, `extra.missing`.
    """
    try:
        from redis.asyncio import BlockingConnectionPool  # noqa: PLC0415  # needs an extra
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.exceptions import ConnectionError as Disconnected  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtraError("gateway-redis", error.name or "redis") from error
    options: dict[str, object] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "timeout": timeout,
        "max_connections": CONNECTIONS,
        # Once more at once, where the connection was of a Redis that has been restarted meanwhile.
        "retry": Retry(NoBackoff(), 1, supported_errors=(Disconnected,)),
    }
    if section.username is not None:
        options["username"] = section.username
    if section.password is not None:
        options["password"] = _secret(section.password, folder)
    if section.ca is not None:
        options["ssl_ca_certs"] = str(folder / section.ca)
    return BlockingConnectionPool.from_url(section.url, **options)


def _secret(source: SecretSource, folder: Path) -> str:
    try:
        text = (
            os.environ.get(source.env, "")
            if source.env
            else (folder / (source.file or "")).read_text("utf-8")
        )
    except (OSError, ValueError):
        text = ""
    if not text.strip():
        where = f"${source.env}" if source.env else str(folder / (source.file or ""))
        raise UsageError("redis.password", f"{where}: holds no password for Redis")
    return text.strip()
