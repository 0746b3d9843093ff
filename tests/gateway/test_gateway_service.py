"""A FastAPI service that is protected in ten lines, and the server beside it, against a real local issuer."""

import base64
import datetime as dt
import hashlib
import http.client
import json
import re
import socket
import subprocess
import sysconfig
import textwrap
import time
from pathlib import Path
from typing import Annotated

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import Depends, FastAPI, WebSocket
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from guarita.audit import open_ledger
from guarita.errors import GuaritaError, UsageError
from guarita.gateway import Gateway, GatewayMiddleware, Principal
from guarita.gateway.fastapi import principal, requires

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"


@pytest.fixture
def file(tmp_path, local_issuer):
    path = tmp_path / "guarita.yaml"
    path.write_text(
        textwrap.dedent(f"""\
        ledger: {{url: '{tmp_path}/ledger.db'}}
        gateway:
          proxies: [127.0.0.1]
          audit: {{interval: 1}}
          tokens:
            insecure_loopback: true
            issuers:
              - issuer: {local_issuer.issuer}
                audiences: [{local_issuer.audience}]
          access:
            roles:
              reader: {{allow: ["docs:read"]}}
              writer: {{inherits: [reader], allow: ["docs:write"]}}
            bindings:
              - {{role: reader, scope: "docs:read"}}
              - {{role: writer, scope: "docs:write"}}
            routes:
              - {{path: /health, methods: [GET], public: true}}
              - {{path: "/docs/{{id}}", methods: [GET], permissions: ["docs:read"]}}
              - {{path: "/docs/{{id}}", methods: [PUT], permissions: ["docs:write"], privileged: true}}
              - {{path: "/users/{{user}}", methods: [GET], authenticated: true, owner: [{{parameter: user}}]}}
              - {{path: /mixed, methods: [GET], authenticated: true}}
              - {{path: /socket, methods: [GET], permissions: ["docs:read"]}}
        """)
    )
    return path


def service(gateway):
    app = FastAPI()
    app.add_middleware(GatewayMiddleware, gateway=gateway)

    @app.get("/health")
    def health(who: Annotated[Principal, Depends(principal)]):
        return {"subject": who.subject}

    @app.get("/docs/{number}")
    @app.put("/docs/{number}")
    def docs(number: int, who: Annotated[Principal, Depends(principal)]):
        return {"number": number, "subject": who.subject}

    @app.get("/users/{user}")
    def users(user: str):
        return {"user": user}

    @app.get("/mixed")
    def mixed(who: Annotated[Principal, Depends(requires("docs:write"))]):
        return {"subject": who.subject}

    @app.get("/forgotten")
    def forgotten():
        return {"open": True}

    @app.websocket("/socket")
    async def sock(websocket: WebSocket, who: Annotated[Principal, Depends(requires("docs:read"))]):
        await websocket.accept()
        await websocket.send_text(who.subject)

    return app


@pytest.fixture
def client(file):
    with TestClient(service(Gateway.from_file(file))) as opened:
        yield opened


def bearer(issuer, scope="docs:read", **claims):
    return {"authorization": f"Bearer {issuer.mint(scope=scope, **claims)}"}


def test_what_a_dependency_refuses_is_recorded(file, local_issuer, recorder):
    gateway = Gateway.from_file(file)
    gateway.reporter = recorder
    with TestClient(service(gateway)) as opened:
        assert opened.get("/mixed", headers=bearer(local_issuer)).status_code == 403
        assert recorder.refused_with == [("access.missing-permission", "/mixed", "user-1")]


def test_ten_lines_protect_a_service(client, local_issuer):
    reader, writer = bearer(local_issuer), bearer(local_issuer, "docs:write")
    assert client.get("/health").json() == {"subject": ""}
    assert client.get("/docs/1").status_code == 401
    assert client.get("/docs/1", headers=reader).json() == {"number": 1, "subject": "user-1"}
    assert client.put("/docs/1", headers=reader).status_code == 403
    assert client.put("/docs/1", headers=writer).status_code == 200
    assert client.get("/forgotten", headers=writer).json()["code"] == "access.no-rule"
    assert client.get("/users/user-1", headers=reader).status_code == 200
    assert client.get("/users/user-2", headers=reader).json()["code"] == "access.not-owner"
    assert local_issuer.requests["/jwks"] == 1


def test_a_dependency_asks_for_more_than_the_route(client, local_issuer):
    assert client.get("/mixed", headers=bearer(local_issuer)).status_code == 403
    assert client.get("/mixed", headers=bearer(local_issuer, "docs:write")).status_code == 200


def test_a_socket_is_opened_for_who_may(client, local_issuer):
    with client.websocket_connect("/socket", headers=bearer(local_issuer)) as session:
        assert session.receive_text() == "user-1"
    with (
        pytest.raises(Exception) as refused,
        client.websocket_connect("/socket", headers=bearer(local_issuer, "x")),
    ):
        pytest.fail("it was accepted")
    assert isinstance(refused.value, WebSocketDisconnect)


def test_an_issuer_out_of_reach_is_503_and_a_known_key_goes_on(client, local_issuer):
    assert client.get("/docs/1", headers=bearer(local_issuer)).status_code == 200
    local_issuer.fault = "500"
    assert client.get("/docs/2", headers=bearer(local_issuer)).status_code == 200


def test_an_issuer_that_was_never_reached_is_503(file, local_issuer):
    local_issuer.fault = "500"
    with TestClient(service(Gateway.from_file(file))) as client:
        answer = client.get("/docs/1", headers=bearer(local_issuer))
        assert answer.status_code == 503
        assert client.get("/health").status_code == 200


def test_a_changed_policy_is_taken_up_and_a_wrong_one_is_not(client, file, local_issuer):
    headers = bearer(local_issuer)
    assert client.get("/docs/1", headers=headers).status_code == 200
    right = file.read_text()
    file.write_text(right.replace('reader: {allow: ["docs:read"]}', "reader: {allow: []}"))
    until(lambda: client.get("/docs/1", headers=headers).status_code == 403)
    file.write_text("gateway: {access: {rolls: {}}}")
    time.sleep(2.5)
    assert client.get("/docs/1", headers=headers).status_code == 403
    file.write_text(right)
    until(lambda: client.get("/docs/1", headers=headers).status_code == 200)


def until(holds):
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_decisions_stand_in_the_ledger(file, tmp_path, local_issuer):
    with TestClient(service(Gateway.from_file(file))) as client:
        client.put("/docs/1", headers=bearer(local_issuer, "docs:write", sub="canary-subject"))
        client.get("/docs/1")
    with open_ledger(str(tmp_path / "ledger.db"), create=False) as ledger:
        told = [json.loads(ledger.revealed(entry.body)) for entry in ledger.entries()]
        assert not any(b"canary-subject" in entry.body for entry in ledger.entries())
    codes = [event.get("status_code") for event in told if event["class_uid"] == 6003]
    assert "access.granted" in codes
    assert "credential.missing" in codes


def test_without_the_middleware_nothing_passes():
    app = FastAPI()

    @app.get("/open")
    def anyone(who: Annotated[Principal, Depends(principal)]):
        return {}

    with pytest.raises(GuaritaError, match="no gateway stands before"):
        TestClient(app).get("/open")


def test_a_wrong_file_is_refused_with_its_place(tmp_path):
    path = tmp_path / "guarita.yaml"
    path.write_text("gateway:\n  proxies: [nonsense]\n")
    with pytest.raises(UsageError, match=r"guarita.yaml:1: gateway: `proxies`"):
        Gateway.from_file(path)


def test_the_server_answers_a_proxy(file, local_issuer):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [GUARITA, "gateway", "serve", "--config", file, "--port", str(port)], stderr=subprocess.PIPE
    )
    try:
        until(lambda: process.poll() is not None or not socket.socket().connect_ex(("127.0.0.1", port)))
        assert process.poll() is None, process.stderr.read().decode()
        said = {"X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/docs/1", "X-Forwarded-For": "203.0.113.5"}
        assert ask(port, said)[0] == 401
        status, headers = ask(port, {**said, **bearer(local_issuer)})
        assert (status, headers["X-Guarita-Subject"]) == (200, "user-1")
    finally:
        process.terminate()
        assert process.wait(timeout=30) in {0, -15}


def ask(port, headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/traefik", headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.headers


def test_routes_that_no_rule_covers_are_told_at_the_start(file, caplog):
    with TestClient(service(Gateway.from_file(file))):
        assert "GET /forgotten" in caplog.text
    file.write_text(file.read_text().replace("gateway:\n", "gateway:\n  uncovered: refuse\n"))
    with pytest.raises(Exception) as failed, TestClient(service(Gateway.from_file(file))):
        pytest.fail("it started")
    assert not isinstance(failed.value, AssertionError)


def test_limits_hold_and_are_told(file, local_issuer):
    rule = "{name: few, quota: 3, window: 60, routes: ['/docs/{id}']}"
    file.write_text(file.read_text().replace("gateway:\n", f"gateway:\n  limits: {{rules: [{rule}]}}\n"))
    with TestClient(service(Gateway.from_file(file))) as client:
        headers = bearer(local_issuer)
        answers = [client.get("/docs/1", headers=headers) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert "ratelimit" in answers[0].headers
        assert answers[4].json()["code"] == "limit.exceeded"
        assert int(answers[4].headers["retry-after"]) > 0
        assert client.get("/health").status_code == 200


def test_a_revoked_token_ends_everywhere(file, local_issuer, redis):
    file.write_text(
        file.read_text().replace(
            "gateway:\n", f"gateway:\n  redis: {{url: '{redis.url}'}}\n  revocation: {{poll_seconds: 0.1}}\n"
        )
    )
    with TestClient(service(Gateway.from_file(file))) as client:
        headers, other = bearer(local_issuer, jti="t-1"), bearer(local_issuer, jti="t-2")
        assert client.get("/docs/1", headers=headers).status_code == 200
        words = ["--token", "t-1", "--issuer", local_issuer.issuer, "--config", str(file)]
        subprocess.run([GUARITA, "gateway", "revoke", *words], check=True, capture_output=True)
        until(lambda: client.get("/docs/1", headers=headers).status_code == 401)
        assert client.get("/docs/1", headers=other).status_code == 200


def certificate():
    """A client certificate as `Client-Cert` carries it, and its thumbprint."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "client")])
    day = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(day).not_valid_after(day + dt.timedelta(1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    der = made.public_bytes(serialization.Encoding.DER)
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
    return f":{base64.b64encode(der).decode()}:", thumbprint


def test_a_token_bound_to_a_certificate_counts_with_it_and_from_a_declared_proxy_only(file, local_issuer):
    file.write_text(
        file.read_text().replace("gateway:\n", "gateway:\n  client_certificate: {header: Client-Cert}\n")
    )
    mine, thumbprint = certificate()
    headers = bearer(local_issuer, cnf={"x5t#S256": thumbprint})
    with TestClient(service(Gateway.from_file(file)), client=("127.0.0.1", 1)) as proxy:
        assert proxy.get("/docs/1", headers=headers).status_code == 401
        for _ in range(2):
            assert proxy.get("/docs/1", headers={**headers, "client-cert": mine}).status_code == 200
            assert (
                proxy.get("/docs/1", headers={**headers, "client-cert": certificate()[0]}).status_code == 401
            )
            assert proxy.get("/docs/1", headers=headers).status_code == 401
        assert proxy.get("/docs/1", headers={**headers, "client-cert": "nonsense"}).status_code == 400
    with TestClient(service(Gateway.from_file(file)), client=("203.0.113.5", 1)) as stranger:
        answer = stranger.get("/docs/1", headers={**headers, "client-cert": mine})
        assert answer.json()["code"] == "request.undeclared-proxy"


def test_the_metadata_document_is_open_to_anybody(file, local_issuer):
    file.write_text(
        file.read_text().replace(
            "    insecure_loopback: true\n",
            "    insecure_loopback: true\n    resource: {resource: 'https://api.example.com/v1'}\n",
        )
    )
    with TestClient(service(Gateway.from_file(file))) as client:
        challenge = client.get("/docs/1").headers["www-authenticate"]
        url = re.search(r'resource_metadata="https://api\.example\.com([^"]+)"', challenge).group(1)
        document = client.get(url).json()
        assert document["resource"] == "https://api.example.com/v1"
        assert document["authorization_servers"] == [local_issuer.issuer]
        assert client.post(url).status_code == 401
