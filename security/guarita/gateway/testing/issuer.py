"""An issuer over real HTTP on loopback, that mints and rotates, and on demand hangs, lies and breaks down."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal, Self
from urllib.parse import parse_qs, unquote_plus

from guarita.gateway.testing.signing import SigningKey, encode

Fault = Literal[
    "hang",
    "trickle",
    "500",
    "404",
    "huge",
    "redirect",
    "empty",
    "no-keys",
    "not-json",
    "gzip",
    "break",
    "lie",
]
_TERM: Final = 300
_JSON: Final = "application/json"
_CANNED: Final[dict[str | None, tuple[int, bytes, dict[str, str]]]] = {
    "500": (500, b"{}", {}),
    "404": (404, b"{}", {}),
    "huge": (200, b'{"keys": [], "x": "' + b"x" * 2_000_000 + b'"}', {}),
    "redirect": (302, b"", {"location": "/elsewhere"}),
    "empty": (200, b"", {}),
    "not-json": (200, b"<html>sign in</html>", {}),
}
_DISCOVERY: Final = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")


class LocalIssuer:
    """`with LocalIssuer() as issuer:` … `issuer.mint(scope="docs:read")`.

    `fault` makes its endpoints misbehave until it is set to None; `faulty` narrows that to some paths.
    `requests` counts what was asked, by path.
    """

    def __init__(
        self, *, algorithm: str = "ES256", audience: str = "https://api.example.com", path: str = ""
    ) -> None:
        self.algorithm = algorithm
        self.audience = audience
        self.fault: Fault | None = None
        self.faulty: frozenset[str] | None = None
        self.max_age: int | None = None
        self.requests: Counter[str] = Counter()
        self.opaque: dict[str, Mapping[str, Any]] = {}
        """Answers of introspection by token."""
        self.client = ("gateway", "s3cret/of+tests")
        """Who may introspect."""
        self.keys = [SigningKey.new(algorithm, "key-1")]
        """What is published. The last one signs."""
        self._numbers = 1
        self._released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.issuer = self
        self.issuer = f"http://127.0.0.1:{self._server.server_port}{path}"
        self.path = path
        self.jwks_uri = f"{self.issuer}/jwks"
        self.introspection_endpoint = f"{self.issuer}/introspect"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop. Requests that hang are let go."""
        if self._thread.is_alive():
            self.release()
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def mint(
        self, *, key: SigningKey | None = None, header: Mapping[str, Any] | None = None, **claims: Any
    ) -> str:
        """An access token (RFC 9068) with these claims; `...` leaves one out."""
        now = int(time.time())
        said = {
            "iss": self.issuer, "aud": self.audience, "sub": "user-1", "client_id": "app",
            "jti": secrets.token_hex(8), "iat": now, "exp": now + _TERM,
        } | claims  # fmt: skip
        key = key or self.keys[-1]
        head = {"alg": key.algorithm, "typ": "at+jwt", "kid": key.kid} | dict(header or {})
        return key.sign(_without(head), _without(said))

    def opaque_token(self, **answer: Any) -> str:
        """A token that says nothing by itself; introspection answers with these claims."""
        token = secrets.token_urlsafe(24)
        now = int(time.time())
        said = {
            "active": True, "iss": self.issuer, "aud": self.audience, "sub": "user-1", "client_id": "app",
            "token_type": "Bearer", "iat": now, "exp": now + _TERM,
        } | answer  # fmt: skip
        self.opaque[token] = _without(said)
        return token

    def rotate(self, *, keep: bool = True, kid: str | None = None) -> SigningKey:
        """Sign by a new key from now on. Without `keep` the old ones are withdrawn at once."""
        self._numbers += 1
        key = SigningKey.new(self.algorithm, kid or f"key-{self._numbers}")
        self.keys = [*self.keys, key] if keep else [key]
        return key

    def release(self) -> None:
        """Let go of requests that hang."""
        self._released.set()
        self._released = threading.Event()

    def document(self) -> dict[str, Any]:
        """What discovery answers."""
        return {
            "issuer": self.issuer + ("/lie" if self.fault == "lie" else ""),
            "jwks_uri": self.jwks_uri,
            "introspection_endpoint": self.introspection_endpoint,
            "token_endpoint": f"{self.issuer}/token",
        }

    def answer(self, path: str, form: dict[str, list[str]], authorization: str) -> tuple[int, Any]:
        """Status and content for a request; for a redirect the content is where it leads."""
        if path in {f"{self.path}{_DISCOVERY[0]}", f"{_DISCOVERY[1]}{self.path}"}:
            return 200, self.document()
        if path == f"{self.path}/jwks":
            return 200, {"keys": [] if self.fault == "no-keys" else [key.public() for key in self.keys]}
        if path == f"{self.path}/introspect":
            if not self._knows(authorization):
                return 401, {"error": "invalid_client"}
            said = self.opaque.get(form.get("token", [""])[0])
            return 200, {"active": False} if said is None else said
        return 404, {}

    def misbehaves(self, path: str) -> Fault | None:
        """The fault for this path."""
        return self.fault if self.faulty is None or path in self.faulty else None

    def hang(self, seconds: float = 60.0) -> None:
        """Wait until `release`, or for so long."""
        self._released.wait(seconds)

    def _knows(self, authorization: str) -> bool:
        import base64  # noqa: PLC0415

        scheme, _, value = authorization.partition(" ")
        name, _, secret = (
            base64.b64decode(value).decode().partition(":") if scheme == "Basic" else ("", "", "")
        )
        return (unquote_plus(name), unquote_plus(secret)) == self.client


def _without(claims: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if value is not ...}


class _Server(ThreadingHTTPServer):
    issuer: LocalIssuer
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 90

    def do_GET(self) -> None:
        self._respond(parse_qs(self.path.partition("?")[2]))

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", "0"))
        self._respond(parse_qs(self.rfile.read(length).decode()))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # http.server's name
        """Nothing: a token may stand in it."""

    def _respond(self, form: dict[str, list[str]]) -> None:
        issuer = self.server.issuer
        path = self.path.partition("?")[0]
        issuer.requests[path] += 1
        fault = issuer.misbehaves(path)
        if fault in _CANNED:
            self._send(*_CANNED[fault])
        elif fault == "hang":
            issuer.hang()
            self.close_connection = True
        elif fault == "trickle":
            self._trickle()
        elif fault == "break":
            self._send(200, b'{"keys"', {"content-length": "1000"})
            self.close_connection = True
        else:
            status, content = issuer.answer(path, form, self.headers.get("authorization", ""))
            if status in range(300, 400):
                self._send(status, b"", {"location": content})
                return
            packed = fault == "gzip"
            kept = {} if issuer.max_age is None else {"cache-control": f"public, max-age={issuer.max_age}"}
            headers = kept | ({"content-encoding": "gzip"} if packed else {})
            self._send(status, encode(content) if packed else json.dumps(content).encode(), headers)

    def _trickle(self) -> None:
        """A byte now and then, without end: each one in time, all of them never."""
        self.send_response(200)
        self.send_header("content-length", "100000")
        self.end_headers()
        for _ in range(600):
            self.wfile.write(b" ")
            self.wfile.flush()
            self.server.issuer.hang(0.05)
        self.close_connection = True

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {
            "content-type": _JSON,
            "content-length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
