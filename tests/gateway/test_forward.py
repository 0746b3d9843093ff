"""Forward-auth: behind a real nginx by the documented configuration, and by Traefik's and Envoy's header contracts."""

import contextlib
import http.client
import re
import socket
import threading
import time
from pathlib import Path

import nginxserver
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from guarita.gateway.forward import ForwardAuth
from guarita.gateway.proxies import OVERRIDES, Proxies

READ = {"authorization": "Bearer ana docs:read"}
DOCS = (Path(__file__).parents[2] / "docs/gateway-forward.md").read_text()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve(app):
    """A real server in a thread; gives its port and how to stop it."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical", lifespan="on"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)

    def stop():
        server.should_exit = True
        thread.join(timeout=20)

    return port, stop


async def echo(request):
    return JSONResponse(
        {
            "path": request.scope["raw_path"].decode(),
            "method": request.method,
            "headers": dict(request.headers),
        }
    )


@pytest.fixture
def forward(gateway):
    gateway.proxies = Proxies(["127.0.0.1"])
    return ForwardAuth(gateway)


@pytest.fixture
def nginx(forward, tmp_path):
    """nginx with the configuration of the documentation, in front of a service that says what it got."""
    service = Starlette(routes=[Route("/{rest:path}", echo, methods=["GET", "POST", "PUT"])])
    (guard, stop_guard), (behind, stop_behind) = serve(forward), serve(service)
    port = free_port()
    locations = re.search(r"## nginx\n\n```nginx\n(.*?)```", DOCS, re.DOTALL).group(1)
    locations = locations.replace("127.0.0.1:9000", f"127.0.0.1:{guard}").replace(
        "127.0.0.1:8000", f"127.0.0.1:{behind}"
    )
    with nginxserver.nginx(tmp_path, port, f"server {{ listen 127.0.0.1:{port};\n{locations}\n}}"):
        yield port
    stop_guard()
    stop_behind()


def ask(port, path, method="GET", headers=None):
    """A request exactly as written: no library may tidy the path."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in (headers or {}).items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def test_behind_nginx_who_may_passes_and_is_named(nginx):
    status, _, body = ask(nginx, "/docs?page=2", headers=READ)
    assert status == 200
    assert b'"x-guarita-subject":"ana"' in body
    assert b'"path":"/docs"' in body


def test_behind_nginx_nobody_names_himself(nginx):
    forged = {**READ, "X-Guarita-Subject": "root", "X-Guarita-Roles": "admin", "X-Original-URI": "/health"}
    _, _, body = ask(nginx, "/docs", headers=forged)
    assert b"root" not in body
    assert b"admin" not in body
    status, _, _ = ask(nginx, "/admin", headers=forged)
    assert status == 403


@pytest.mark.parametrize(
    ("path", "method", "headers", "status"),
    [
        ("/docs", "GET", {}, 401),
        ("/docs", "POST", READ, 403),
        ("/docs", "GET", {"authorization": "Bearer bad x"}, 401),
        ("/nowhere", "GET", READ, 403),
        ("/health", "GET", {}, 200),
        ("/docs/../admin", "GET", READ, 500),
        ("/%2e%2e/docs", "GET", READ, 400),
        ("/health/../docs", "GET", {}, 500),
        ("//docs", "GET", READ, 500),
        ("/docs%2f", "GET", READ, 500),
        ("/docs", "GET", {**READ, "X-HTTP-Method-Override": "POST"}, 500),
        ("/docs", "GET", {"X-Original-URI": "/health"}, 401),
        ("/docs", "GET", {"X-Original-Method": "OPTIONS"}, 401),
        ("/docs", "GET", {"X-Forwarded-For": "nonsense", **READ}, 500),
    ],
)
def test_behind_nginx_the_rest_does_not_pass(nginx, path, method, headers, status):
    assert ask(nginx, path, method, headers)[0] == status


def test_behind_nginx_a_challenge_reaches_the_client(nginx):
    assert 'realm="guarita"' in ask(nginx, "/docs")[1]["www-authenticate"]


def test_nginx_asks_and_nobody_else_answers_for_the_guard(nginx, gateway):
    gateway.proxies = Proxies(["10.0.0.1"])
    assert ask(nginx, "/health")[0] == 500


@pytest.fixture
def client(forward):
    return TestClient(forward, client=("127.0.0.1", 9))


def traefik(uri, method="GET", **headers):
    said = {"x-forwarded-method": method, "x-forwarded-uri": uri, "x-forwarded-proto": "https",
            "x-forwarded-host": "api.example.com", "x-forwarded-for": "203.0.113.5"}  # fmt: skip
    return {**said, **headers}


def test_traefiks_contract(client, recorder):
    answer = client.get("/traefik", headers=traefik("/docs?x=1", **READ))
    assert answer.status_code == 200
    assert answer.headers["x-guarita-subject"] == "ana"
    assert answer.headers["x-guarita-roles"] == ""
    assert recorder.granted_to == [("ana", "/docs")]
    assert client.get("/traefik", headers=traefik("/docs", "POST", **READ)).status_code == 403
    assert client.get("/traefik", headers=traefik("/docs/../admin", **READ)).status_code == 400
    assert client.get("/traefik", headers=READ).json()["code"] == "forward.contract"
    assert client.get("/traefik", headers=traefik("/docs", "get", **READ)).json()["code"] == "request.method"


def test_envoys_contract(client):
    assert client.get("/envoy/docs?x=1", headers=READ).status_code == 200
    assert client.post("/envoy/docs", headers=READ).status_code == 403
    assert client.get("/envoy/docs").status_code == 401
    assert client.get("/envoy//docs", headers=READ).status_code == 400
    assert client.get("/envoy", headers=READ).status_code == 400


@pytest.mark.parametrize("twice", ["x-forwarded-uri", "x-forwarded-method"])
def test_what_a_proxy_says_twice_is_refused(client, twice):
    headers = [*traefik("/health").items(), (twice, "/docs" if "uri" in twice else "GET")]
    assert client.get("/traefik", headers=headers).json()["code"] == "forward.contract"


def test_only_declared_proxies_may_ask(forward):
    stranger = TestClient(forward, client=("203.0.113.9", 1))
    for path in ("/traefik", "/envoy/health", "/nginx"):
        assert stranger.get(path, headers=traefik("/health")).json()["code"] == "request.undeclared-proxy"
    assert stranger.get("/healthz").status_code == 200
    assert stranger.get("/other").status_code == 404


def test_a_name_that_is_not_ascii_is_encoded(client):
    headers = [
        *traefik("/docs").items(),
        (b"authorization", "Bearer an\N{LATIN SMALL LETTER A WITH TILDE}%0d docs:read".encode()),
    ]
    answer = client.get("/traefik", headers=headers)
    assert answer.headers["x-guarita-subject"] == "an%C3%A3%250d"


def raw(port, text):
    """Bytes exactly as written, and all that comes back until nothing more does."""
    answer = bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(text)
        with contextlib.suppress(TimeoutError):
            while piece := connection.recv(65536):
                answer += piece
                connection.settimeout(0.5)  # for what a request within this one might bring
    assert answer
    return bytes(answer)


BEARER = b"Authorization: Bearer ana docs:read\r\n"


@pytest.mark.parametrize(
    "text",
    [
        # A request within another's body: two lengths, both kinds of length, a length that is no number.
        b"GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 60\r\n\r\nabcdGET /docs HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /docs HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /docs HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /docs HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        b"POST /docs HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"POST /docs HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nabcde",
        # Targets that are none, or another's.
        b"GET /health/..;/docs HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://a/docs HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://a?/docs HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET docs HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /health\t/docs HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /docs#/../health HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /docs\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /%00docs HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET @evil.invalid/docs HTTP/1.1\r\nHost: a\r\n\r\n",
        b"get /docs HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /docs HTTP/0.9\r\n\r\n",
        b"GET /docs\r\n\r\n",
        # Headers that say who asks for what, twice or in other spellings.
        b"GET /docs HTTP/1.1\r\nHost: a\r\nX-Original-URI: /health\r\nX-Original-URI: /health\r\n\r\n",
        b"GET /docs HTTP/1.1\r\nHost: a\r\nX_Original_URI: /health\r\n\r\n",
        b"GET /docs HTTP/1.1\r\nHost: a\r\nX-Original-URI : /health\r\n\r\n",
        b"GET /docs HTTP/1.1\r\nHost: a\r\nConnection: close, X-Original-URI, Authorization\r\nX-Original-URI: /health\r\n\r\n",
        b"GET /docs HTTP/1.1\r\nHost: a\r\nX-Guarita-Subject: root\r\nX-Guarita-Scopes: docs:read\r\n\r\n",
        b"GET /docs HTTP/1.1\r\nHost: a\r\n" + BEARER + BEARER + b"\r\n",
        b"GET /docs HTTP/1.1\r\nHost: a\r\n Authorization: Bearer ana docs:read\r\n\r\n",
        b"GET /docs HTTP/1.1\r\nHost: a\r\nHost: b\r\n" + BEARER + b"\r\n",
        b"GET /docs HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    ],
)
def test_behind_nginx_nothing_reaches_the_service_by_how_it_is_written(nginx, text):
    assert b'"path"' not in raw(nginx, text)


@pytest.mark.parametrize(
    "text",
    [
        b"POST /who HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ana docs:write\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET http://a/docs HTTP/1.1\r\nHost: a\r\n" + BEARER + b"Connection: close\r\n\r\n",
    ],
)
def test_behind_nginx_what_is_right_passes_however_it_is_written(forward_rules, nginx, text):
    if b"chunked" in text:
        text += b"5\r\nhello\r\n0\r\n\r\n"
    answer = raw(nginx, text)
    assert answer.count(b"HTTP/1.1 200") == 1
    assert answer.count(b'"path"') == 1


@pytest.fixture
def forward_rules(policy):
    policy.rules["POST", "/who"] = {"docs:write"}


@pytest.mark.parametrize(
    "path", ["/caf%C3%A9", "/docs?a=%2F..%2Fadmin", "/docs?a=b;c", "/docs?x=/../admin", "/caf%c3%a9?%zz"]
)
def test_behind_nginx_the_service_reads_the_path_that_was_judged(nginx, policy, path):
    policy.rules["GET", "/caf\N{LATIN SMALL LETTER E WITH ACUTE}"] = {"docs:read"}
    status, _, body = ask(nginx, path, headers=READ)
    assert status == 200
    assert f'"path":"{path.partition("?")[0]}"'.encode() in body


def test_envoys_guard_is_shown_every_header_that_it_judges():
    """ext_authz over HTTP shows its server what it is told to, and no more: what is not seen is not refused."""
    shown = re.search(r"allowed_headers: \{patterns: \[(.*?)\]\}", DOCS, re.DOTALL).group(1)
    exact = {name.encode() for name in re.findall(r"exact: ([a-z-]+)", shown)}
    assert exact >= OVERRIDES | {b"authorization", b"x-api-key", b"dpop", b"cookie", b"origin"}
    assert exact >= {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"}
    assert "headers_with_underscores_action: REJECT_REQUEST" in DOCS
