"""What a service answers to a bound token that is right and not enough, and how long its socket stays."""

import json
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, WebSocket
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from guarita.gateway import Gateway, GatewayMiddleware, Principal
from guarita.gateway.asgi import socket
from guarita.gateway.fastapi import requires
from guarita.gateway.testing.signing import SigningKey

KEY = SigningKey.new("ES256")


@pytest.fixture
def file(tmp_path, local_issuer):
    section = {
        "tokens": {
            "insecure_loopback": True,
            "dpop": {},
            "issuers": [{"issuer": local_issuer.issuer, "audiences": [local_issuer.audience]}],
        },
        "access": {
            "roles": {"reader": {"allow": ["docs:read"]}},
            "bindings": [{"role": "reader", "scope": "docs:read"}],
            "routes": [
                {"path": "/docs", "methods": ["GET"], "permissions": ["docs:read"]},
                {"path": "/more", "methods": ["GET"], "authenticated": True},
                {"path": "/socket", "methods": ["GET"], "permissions": ["docs:read"]},
            ],
        },
    }
    path = tmp_path / "guarita.yaml"
    path.write_text(json.dumps({"gateway": section}))
    return path


@pytest.fixture
def gateway(file):
    return Gateway.from_file(file)


@pytest.fixture
def client(gateway, monkeypatch):
    monkeypatch.setattr(socket, "RECHECK", 0.05)
    app = FastAPI()
    app.add_middleware(GatewayMiddleware, gateway=gateway)

    @app.get("/docs")
    @app.get("/more")
    def docs(who: Annotated[Principal, Depends(requires("docs:read"))]):
        return who.subject

    @app.websocket("/socket")
    async def echo(websocket: WebSocket):
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(text.upper())

    with TestClient(app) as opened:
        yield opened


def bound(local_issuer, path, scope):
    token = local_issuer.mint(scope=scope, cnf={"jkt": KEY.thumbprint})
    url = f"http://testserver{path}"  # a WebSocket's handshake is a request of HTTP
    return {"authorization": f"DPoP {token}", "dpop": KEY.proof("GET", url, token)}


@pytest.mark.parametrize("path", ["/docs", "/more"])  # refused by the rule, and by a dependency
def test_a_bound_token_that_is_not_enough_gets_the_challenge_of_its_scheme(client, local_issuer, path):
    answer = client.get(path, headers=bound(local_issuer, path, "other"))
    assert answer.status_code == 403
    first, second = answer.headers["www-authenticate"].split(", Bearer ")
    assert first.startswith('DPoP realm="guarita", error="insufficient_scope"')
    assert 'algs="ES256' in first
    assert "error" not in second
    assert client.get(path, headers=bound(local_issuer, path, "docs:read")).status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/more"])
def test_a_plain_token_that_is_not_enough_gets_bearers(client, local_issuer, path):
    token = local_issuer.mint(scope="other")
    answer = client.get(path, headers={"authorization": f"bearer {token}"})
    assert answer.status_code == 403
    assert answer.headers["www-authenticate"].startswith('Bearer realm="guarita", error="insufficient_scope"')
    assert ", DPoP realm=" in answer.headers["www-authenticate"]
    assert token not in str(answer.headers)


def test_the_socket_of_a_bound_token_outlives_its_proof_and_not_its_permission(
    client, gateway, file, local_issuer
):
    headers = bound(local_issuer, "/socket", "docs:read")
    with client.websocket_connect("/socket", headers=headers) as session:
        for text in ("a", "b"):
            gateway.forget()  # decided anew, and the proof was used
            session.send_text(text)
            assert session.receive_text() == text.upper()
        # Nobody asks anything: the socket itself notices that the policy's file has changed.
        file.write_text(file.read_text().replace('"allow": ["docs:read"]', '"allow": []'))
        with pytest.raises(WebSocketDisconnect) as closed:
            session.receive_text()
        assert closed.value.code == 1008
    with pytest.raises(Exception) as refused, client.websocket_connect("/socket", headers=headers):
        pytest.fail("a used proof opened a socket")
    assert type(refused.value).__name__ in {"WebSocketDenialResponse", "WebSocketDisconnect"}
