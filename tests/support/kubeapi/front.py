"""HTTPS in front of a control plane, emulated or real: faults, the log of requests, chunked watches."""

import base64
import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

from .backend import Answer, Request, Watching
from .errors import Refusal

BODY_LIMIT = 3 * 1024 * 1024


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def setup(self):
        # The handshake belongs to this thread, not to the one that accepts.
        self.request.settimeout(10)
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()
        super().setup()

    def serve(self):
        length = int(self.headers.get("content-length") or 0)
        if length > BODY_LIMIT:
            self._send(
                413, json.dumps(Refusal(413, "RequestEntityTooLarge", "Request entity too large").status())
            )
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request.of(self.command, self.path, headers, self.rfile.read(length))
        front, faults = self.server, self.server.faults
        request.user_name = front.name_of(request)
        rule = faults.match(request)
        entry = {
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "user": request.user_name,
            "agent": headers.get("user-agent", ""),
        }
        action = rule.action if rule else None
        if action == "delay":
            time.sleep(rule.seconds)
        if action == "hang":
            faults.wait()
        if action == "stop":
            os.kill(rule.pid, signal.SIGSTOP)
            faults.wait(600)
        if action in {"hang", "drop"}:
            faults.note(**entry, code=0)
            self.close_connection = True
            return
        if action == "status":
            faults.note(**entry, code=rule.code)
            self._refuse(rule)
            return
        if faults.stalled and not request.path.startswith(("/livez", "/version")):
            # etcd does not answer: the server gives up after its own bound.
            faults.wait(front.stall_seconds)
            if faults.stalled:
                faults.note(**entry, code=500)
                self._send(
                    500, json.dumps(Refusal(500, "InternalError", "etcdserver: request timed out").status())
                )
                return
        if request.watching:
            faults.note(**entry, code=200)
            front.watch(self, request)
            return
        code, headers, body = front.answer(request)
        faults.note(
            **entry, code=code, body=request.body.decode("utf-8", "replace") if front.keep_bodies else None
        )
        if action == "lose-hang":
            faults.wait()
        if action == "kill":
            os.kill(rule.pid, signal.SIGKILL)
        if action in {"lose", "lose-hang", "kill"}:
            self.close_connection = True
            return
        if action == "garbage":
            code, headers, body = (
                200,
                {"Content-Type": "text/html"},
                b"<html>Welcome to the hotel's network</html>",
            )
        self._send(code, body, headers, trickle=rule.seconds if action == "trickle" else None)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve  # noqa: N815  # the names of http.server

    def _refuse(self, rule):
        headers = {"Retry-After": rule.retry_after} if rule.retry_after else {}
        reason = {
            429: "TooManyRequests",
            503: "ServiceUnavailable",
            500: "InternalError",
            401: "Unauthorized",
            403: "Forbidden",
            409: "Conflict",
            410: "Expired",
            504: "Timeout",
        }.get(rule.code, "Unknown")
        self._send(rule.code, json.dumps(Refusal(rule.code, reason, "the tests say so").status()), headers)

    def _send(self, code, body, headers=(), *, trickle=None):
        body = body.encode() if isinstance(body, str) else body
        headers = {"Content-Type": "application/json", **dict(headers)}
        try:
            self._head(code, headers.pop("Date", None))
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if trickle:
                for n in range(len(body)):
                    self.wfile.write(body[n : n + 1])
                    time.sleep(trickle)
            else:
                self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def _head(self, code, date=None):
        self.send_response_only(code)
        self.send_header("Date", date or self.date_time_string(self.server.clock()))

    def stream(self, texts):
        """Sends each text as a chunk, until there are no more, the tests drop watches, or the client has gone."""
        self._head(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for text in texts:
                data = text if isinstance(text, bytes) else text.encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True


class Front(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    stall_seconds = 60.0
    keep_bodies = False
    clock = staticmethod(time.time)

    def __init__(self, address, faults, tls=None):
        super().__init__(address, Handler)
        self.faults = faults
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request, client_address):
        import sys
        import traceback

        error = sys.exc_info()[1]
        if not isinstance(error, OSError | http.client.HTTPException):
            traceback.print_exc()

    def name_of(self, request):
        return ""

    def drop_watches(self):
        """Ends every watch that is open now."""
        self.faults.drop_watches()


class Emulated(Front):
    """In front of the emulator's own backend."""

    def __init__(self, address, faults, backend, tls=None):
        super().__init__(address, faults, tls)
        self.backend = backend

    def name_of(self, request):
        try:
            return self.backend.authenticate(request).name
        except Refusal:
            return "?"

    def answer(self, request):
        try:
            answer = self.backend.handle(request)
        except Refusal as refusal:
            answer = Answer(refusal.code, refusal.status(), refusal.headers)
        content = answer.content
        body = content if isinstance(content, str) else json.dumps(content, separators=(",", ":"))
        return answer.code, answer.headers, body.encode()

    def watch(self, handler, request):
        try:
            watching = self.backend.handle(request)
        except Refusal as refusal:
            handler._send(refusal.code, json.dumps(refusal.status()), refusal.headers)
            return
        assert isinstance(watching, Watching)
        born = self.faults.generation
        handler.stream(self.backend.events(watching, lambda: self.faults.generation != born))
        if self.faults.generation != born:
            handler.close_connection = True


class Forwarding(Front):
    """In front of a real API server, to which each request goes on with its own credentials."""

    def __init__(self, address, faults, target, tls=None, trust=None):
        super().__init__(address, faults, tls)
        self.target, self.trust = target, trust
        self.watches = set()

    def name_of(self, request):
        """The user in a service account's token, unverified: for the rules and the log only."""
        try:
            part = request.headers.get("authorization", "").split(".")[1]
            return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["sub"]
        except (IndexError, ValueError, KeyError):
            return "admin"

    def _open(self, request, timeout):
        connection = http.client.HTTPSConnection(*self.target, timeout=timeout, context=self.trust)
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in request.query.items())
        headers = {
            name: value
            for name, value in request.headers.items()
            if name not in {"host", "content-length", "connection", "accept-encoding"}
        }
        connection.request(
            request.method, request.path + (f"?{query}" if query else ""), request.body or None, headers
        )
        return connection, connection.getresponse()

    def answer(self, request):
        connection, answer = self._open(request, 70)
        body = answer.read()
        connection.close()
        kept = {
            name: value
            for name, value in answer.getheaders()
            if name.lower() in {"content-type", "retry-after", "warning", "date"}
        }
        return answer.status, kept, body

    def watch(self, handler, request):
        connection, answer = self._open(request, 3600)
        if answer.status != 200:
            handler._send(answer.status, answer.read())
            return
        born = self.faults.generation

        with self.faults.lock:
            self.watches.add(connection)

        def lines():
            while self.faults.generation == born:
                line = answer.readline()
                if not line:
                    return
                yield line

        try:
            handler.stream(lines())
        except (OSError, http.client.HTTPException, ValueError):
            handler.close_connection = True  # dropped by the tests, in the middle of it
        finally:
            self.watches.discard(connection)
            connection.close()

    def drop_watches(self):
        super().drop_watches()
        for connection in list(self.watches):
            with contextlib.suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)
