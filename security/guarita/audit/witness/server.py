"""A witness's HTTP server. Encryption is the matter of whatever stands before it: checkpoints are signed."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from guarita.audit.errors import LedgerError
from guarita.audit.witness.protocol import MAX_REQUEST, PATH
from guarita.audit.witness.witness import Answer, Witness

MAX_CONNECTIONS: Final = 128
SOCKET_TIMEOUT: Final = 10.0
"""Seconds that a client may keep silent."""
MAX_LIFE: Final = 120.0
"""Seconds of a connection at most: whoever sends a byte now and then keeps every other limit."""


class WitnessServer(ThreadingHTTPServer):
    """Serves one witness until `shutdown`. More connections than MAX_CONNECTIONS are closed at once."""

    daemon_threads = True
    # Linux lets a second process listen on the same port only if both ask for it.
    allow_reuse_port = False

    def __init__(self, address: tuple[str, int], witness: Witness, *, max_life: float = MAX_LIFE) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.witness = witness
        self._max_life = max_life
        self._open: dict[int, tuple[float, Any]] = {}
        self._places = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        self._open[id(request)] = (time.monotonic(), request)
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        """Called twice a second by `serve_forever`: cut the connections that are too old."""
        for begun, request in list(self._open.values()):
            if time.monotonic() - begun > self._max_life:
                with contextlib.suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.pop(id(request), None)
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "guarita-witness"
    sys_version = ""
    timeout = SOCKET_TIMEOUT
    server: WitnessServer

    def do_POST(self) -> None:
        answer = self._read()
        body = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _read(self) -> Answer:
        length = self.headers.get("Content-Length", "")
        # After a body that was not read the connection is of no further use.
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdecimal()):
            self.close_connection = True
            return Answer(HTTPStatus.LENGTH_REQUIRED, "say the body's length\n")
        if len(length) > len(str(MAX_REQUEST)) or int(length) > MAX_REQUEST:
            self.close_connection = True
            return Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {MAX_REQUEST} bytes\n")
        body = self.rfile.read(int(length))
        if self.path != PATH:
            return Answer(HTTPStatus.NOT_FOUND, f"there is POST {PATH} here\n")
        try:
            return self.server.witness.add_checkpoint(body)
        except LedgerError:
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, "the witness cannot write its state now\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # http.server's name
        """Addresses of clients are not kept."""
