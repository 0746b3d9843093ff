"""A bound on the whole of an answer: the library's own is one for each read, and a server may send a byte at a time."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

_PIECE: Final = 65_536
_LIMIT: Final = 32 * 1024 * 1024
"""Bytes: what a list of many thousand names or certificates may take."""
_BODILESS: Final = frozenset({204, 304})


class _Bounded(HTTPConnection):
    """Cuts the connection when an answer's head has not come within the timeout, however steadily it drips."""

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 itself overrides it
        """As the base class. Raises OSError when it was cut, by this bound or by anybody else."""
        timer = threading.Timer(float(self.timeout or 30.0), self._cut)
        timer.daemon = True
        timer.start()
        try:
            answer = super().getresponse()
        finally:
            timer.cancel()
        # The library takes a head that ends in its middle for a whole one. Vault always says how long a body is.
        if answer.status not in _BODILESS and answer.length_remaining is None and not answer.chunked:
            answer.close()
            raise ConnectionError("an answer of unknown length")
        return answer

    def _cut(self) -> None:
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


class _BoundedTls(_Bounded, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Bounded


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _BoundedTls


class BoundedAdapter(HTTPAdapter):
    """Reads each answer whole, within the time that a call may take. Too late or too large is a ConnectionError."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """As the base class, with connections that bound the head of an answer."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        """As the base class, and with the answer's body."""
        options["stream"] = True
        timeout = options.get("timeout") or 30.0
        until = time.monotonic() + float(timeout)
        answer = super().send(request, **options)
        parts: list[bytes] = []
        size = 0
        try:
            # read1 gives what is there; read waits for a whole piece, however slowly it comes.
            while part := answer.raw.read1(_PIECE, decode_content=True):
                parts.append(part)
                size += len(part)
                if size > _LIMIT or time.monotonic() > until:
                    answer.close()
                    raise requests.ConnectionError("an answer too large or too slow")
        except (HTTPError, OSError) as error:
            answer.close()
            raise requests.ConnectionError(type(error).__name__) from None
        answer._content = b"".join(parts)  # noqa: SLF001  # where requests itself keeps it
        answer._content_consumed = True  # noqa: SLF001
        answer.raw.release_conn()
        return answer
