"""Serves one page on the loopback address: made anew when it is asked for and too old, and never twice at once."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from guarita.errors import GuaritaError, UsageError

LOOPBACK: Final = "127.0.0.1"
TIMEOUT: Final = 10.0
"""Seconds for one request."""


class Live:
    """A page and its validator (RFC 9110, section 8.8.3)."""

    def __init__(
        self, make: Callable[[], bytes], *, every: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._make, self._every, self._clock = make, every, clock
        self._lock = threading.Lock()
        self._made: float | None = None
        self._page, self._tag = b"", ""

    def get(self) -> tuple[bytes, str]:
        """The page and its entity tag. Raises what making it raises."""
        with self._lock:
            if self._made is None or self._clock() - self._made >= self._every:
                self._page = self._make()
                self._tag = f'"{hashlib.sha256(self._page).hexdigest()[:32]}"'
                self._made = self._clock()
            return self._page, self._tag


def _handler(live: Live) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = TIMEOUT
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            # A name that points here from elsewhere must not read it (DNS rebinding).
            if self.headers.get("Host", "").rpartition(":")[0] not in {LOOPBACK, "localhost"}:
                self._send(421, b"")
            elif self.path != "/":
                self._send(404, b"")
            else:
                self._page()

        def _page(self) -> None:
            try:
                page, tag = live.get()
            except GuaritaError as error:
                self._send(503, f"{error.code}\n".encode(), kind="text/plain")
                return
            if self.headers.get("If-None-Match") == tag:
                self._send(304, b"", tag)
            else:
                self._send(200, page, tag)

        def _send(self, status: int, body: bytes, tag: str = "", kind: str = "text/html") -> None:
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-cache")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("X-Frame-Options", "DENY")
            if tag:
                self.send_header("ETag", tag)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing of requests."""

    return Handler


@contextlib.contextmanager
def serving(live: Live, port: int) -> Iterator[tuple[str, int]]:
    """Serve the page; gives the address. Raises UsageError when the port cannot be had."""
    try:
        server = http.server.ThreadingHTTPServer((LOOPBACK, port), _handler(live))
    except OSError as error:
        raise UsageError(
            "report.port", f"{LOOPBACK}:{port}: {error.strerror}", hint="name another by --port; 0 takes any"
        ) from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield LOOPBACK, server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
