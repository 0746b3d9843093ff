"""Relays between a runner and its servers that meddle with the n-th write: kill, stop, or lose the answer.

A write is any request that changes something, as the wire shows it; so counting up to the first n that does not come
covers every side effect there is, whatever the code calls it.
"""

import contextlib
import http.client
import os
import re
import signal
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Trap:
    """What becomes of the n-th write from when it was set. One runner at a time is its victim."""

    def __init__(self):
        self.lock = threading.Lock()
        self.clear()

    def clear(self):
        self.at = self.how = self.pid = self.what = None
        self.spares = ()
        self.seen = []
        self.caught, self.released = threading.Event(), threading.Event()

    def set(self, at, how, pid=None, *, spares=()):
        """Writes that have one of the words `spares` are let through, and not counted. `kill` after the write was carried out; `lose` its answer; `stop` before it, and let it go on when released."""
        self.clear()
        self.at, self.how, self.pid, self.spares = at, how, pid, spares

    @contextlib.contextmanager
    def write(self, what):
        """Around one write of whoever; gives whether its answer is to be lost."""
        with self.lock:
            spared = any(word in what for word in self.spares)
            self.seen += [] if spared else [what]
            mine = not spared and self.at is not None and len(self.seen) == self.at
            pid, how, released = self.pid, self.how, self.released
            if mine:
                self.what = what
        if not mine:
            yield False
            return
        if how == "stop":
            os.kill(pid, signal.SIGSTOP)
            self.caught.set()
            assert released.wait(120)
        try:
            yield how in {"kill", "lose"}
        finally:
            os.kill(pid, {"kill": signal.SIGKILL, "stop": signal.SIGCONT}.get(how, 0))
            self.caught.set()


class HttpRelay(ThreadingHTTPServer):
    """Plain HTTP in front of a server; every request that is not just reading is a write."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, trap, connect, *, reads=lambda method, path: False):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.trap, self.connect, self.reads = trap, connect, reads
        self.delay = 0.0
        self.bodies = []
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def close(self):
        self.shutdown()
        self.server_close()


def to_vault(trap, port):
    def reads(method, path):
        return any(word in path for word in ("/login", "lookup", "/encrypt/", "/decrypt/"))

    return HttpRelay(trap, lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=30), reads=reads)


def to_kubernetes(trap, port, context):
    def reads(method, path):
        return "/leases" in path or "selfsubject" in path

    def connect():
        return http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=context)

    return HttpRelay(trap, connect, reads=reads)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.upstream = self.server.connect()

    def finish(self):
        self.upstream.close()
        with contextlib.suppress(OSError):
            super().finish()

    def serve(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.server.delay:
            threading.Event().wait(self.server.delay)
        if self.command in {"GET", "LIST", "HEAD"} or self.server.reads(self.command, self.path):
            self.send(self.forward(body))
            return
        self.server.bodies.append((self.path, body))
        with self.server.trap.write(f"{self.command} {self.path}") as lost:
            answer = self.forward(body)
        if lost:
            self.close_connection = True
            return
        self.send(answer)

    def forward(self, body):
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        try:
            self.upstream.request(self.command, self.path, body or None, headers)
            answer = self.upstream.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        except (OSError, http.client.HTTPException):
            self.upstream.close()
            return None

    def send(self, answer):
        if answer is None:
            self.close_connection = True
            return
        status, headers, body = answer
        with contextlib.suppress(OSError):
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


for _method in ("GET", "POST", "PUT", "PATCH", "DELETE", "LIST", "HEAD"):
    setattr(_Handler, f"do_{_method}", _Handler.serve)


class TcpRelay:
    """Bytes in front of a server whose clients wait for each answer; what matches `writes` is a write."""

    def __init__(self, trap, port, writes):
        self.trap, self.target, self.writes = trap, port, re.compile(writes)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            client.close()
            return
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lost = threading.Event()
        answered = threading.Event()
        threading.Thread(target=self._down, args=(client, server, lost, answered), daemon=True).start()
        with contextlib.suppress(OSError):
            while data := client.recv(262144):
                found = self.writes.search(data)
                if found is None:
                    server.sendall(data)
                    continue
                with self.trap.write(found.group().decode("latin-1")) as loses:
                    if loses:
                        lost.set()
                    answered.clear()
                    server.sendall(data)
                    answered.wait(30)
                if loses:
                    break
        _close(client, server)

    def _down(self, client, server, lost, answered):
        with contextlib.suppress(OSError):
            while data := server.recv(262144):
                answered.set()
                if not lost.is_set():
                    client.sendall(data)
        answered.set()
        _close(client, server)

    def close(self):
        self.listener.close()


def to_postgres(trap, port):
    return TcpRelay(trap, port, rb"DO '|DO E'|CREATE (SCHEMA|TABLE)")


def to_redis(trap, port):
    return TcpRelay(trap, port, rb"\bEXEC\b|\bACL\r\n\$4\r\nSAVE")


def _close(*sockets):
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
