"""What may pass again without being decided: the same request of the same caller, and nothing that only looks like it."""

import asyncio
import dataclasses
import time

import pytest
from starlette.testclient import TestClient

from guarita.gateway.apikeys.authenticator import ApiKeyAuthenticator
from guarita.gateway.apikeys.hashing import parse_peppers
from guarita.gateway.apikeys.manage import create
from guarita.gateway.apikeys.sqlite import SqliteKeyStore
from guarita.gateway.asgi import GatewayMiddleware
from guarita.gateway.core import Gateway
from guarita.gateway.interface import Authenticator, Principal

READ = {"authorization": "Bearer ana docs:read"}


class Cookies(Authenticator):
    """A session: who calls stands in a cookie."""

    name = "jwt"  # whatever it calls itself

    async def authenticate(self, request):
        value = request.header(b"cookie")
        return Principal(value.decode(), scopes=frozenset({"docs:read"})) if value else None


@pytest.mark.parametrize("beside", [{}, {"authorization": "Basic eDp5"}])
def test_a_session_serves_nobody_else(application, policy, letters, beside):
    client = TestClient(GatewayMiddleware(application, Gateway(policy, [letters, Cookies()])))
    assert client.get("/who", headers={"cookie": "eva", **beside}).text == "eva"
    assert client.get("/who", headers=beside).status_code == 401
    assert client.get("/who", headers={"cookie": "bia", **beside}).text == "bia"


def test_who_comes_first_by_a_session_stays_first_when_the_token_was_seen_without_it(
    application, policy, letters
):
    client = TestClient(GatewayMiddleware(application, Gateway(policy, [Cookies(), letters])))
    assert client.get("/who", headers=READ).text == "ana"
    assert client.get("/who", headers={**READ, "cookie": "eva"}).text == "eva"
    assert client.get("/who", headers=READ).text == "ana"


@pytest.fixture
def keys(tmp_path):
    store = SqliteKeyStore(tmp_path / "keys.db", timeout=2, create=True)
    peppers = parse_peppers("QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=", "test")
    key, _ = create(
        store, peppers, name="robot", subject="robot", environment="live",
        created=time.time(), expires=time.time() + 60, scopes=["docs:read"],
    )  # fmt: skip
    yield ApiKeyAuthenticator(store, peppers, header="X-Robot"), key.text
    store.close()


def test_a_key_in_a_header_of_the_services_own_choice_opens_nothing_for_others(application, policy, keys):
    authenticator, key = keys
    with TestClient(GatewayMiddleware(application, Gateway(policy, [authenticator]))) as client:
        assert client.get("/who", headers={"x-robot": key}).text == "robot"
        assert client.get("/who").status_code == 401
        assert client.get("/who", headers={"x-robot": key[:-1] + "!"}).status_code == 401
        assert client.get("/who", headers={"x-robot": key}).text == "robot"


def test_each_privileged_request_is_decided_and_told(application, gateway, recorder):
    client = TestClient(GatewayMiddleware(application, gateway))
    for _ in range(3):
        assert client.get("/admin", headers={"authorization": "Bearer root admin"}).status_code == 200
    assert recorder.granted_to == [("root", "/admin")] * 3


def test_a_path_that_something_in_front_has_changed_is_judged_each_time(application, gateway):
    guarded = GatewayMiddleware(application, gateway)

    async def tenants(scope, receive, send):
        if any(name == b"x-tenant" for name, _ in scope["headers"]):
            scope = {**scope, "path": "/admin"}
        await guarded(scope, receive, send)

    client = TestClient(tenants)
    assert client.get("/who", headers=READ).status_code == 200
    assert client.get("/who", headers={**READ, "x-tenant": "b"}).status_code == 400


def test_a_second_host_is_refused_as_it_is_the_first_time(application, gateway):
    client = TestClient(GatewayMiddleware(application, gateway))
    assert client.get("/who", headers=READ).status_code == 200
    twice = [*READ.items(), ("host", "testserver"), ("host", "elsewhere")]
    assert client.get("/who", headers=twice).json()["code"] == "request.repeated-header"


def test_a_clock_that_is_set_back_keeps_no_grant_alive(application, gateway, letters, monkeypatch):
    client = TestClient(GatewayMiddleware(application, gateway))
    assert client.get("/who", headers=READ).status_code == 200
    letters.revoked.add("ana")
    hour_ago, soon = time.time() - 3600, time.monotonic() + 6
    monkeypatch.setattr("guarita.gateway.asgi.middleware.monotonic", lambda: soon)
    monkeypatch.setattr(time, "time", lambda: hour_ago)
    assert client.get("/who", headers=READ).status_code == 401


def test_a_grant_lasts_no_longer_than_its_credential(gateway, letters):
    from guarita.gateway.interface import Request

    for expires, most in ((gateway.clock() + 2, 2), (gateway.clock() - 5, 0), (0.0, 0), (None, 5)):
        letters.expires = expires
        grant = asyncio.run(
            gateway.admit(Request("GET", "/docs", ((b"authorization", b"Bearer ana docs:read"),)))
        )
        assert grant.until - time.monotonic() <= most
    assert dataclasses.is_dataclass(grant)


def test_what_is_neither_http_nor_a_socket_does_not_pass(application, gateway):
    reached = []

    async def app(scope, receive, send):
        reached.append(scope["type"])

    guarded = GatewayMiddleware(app, gateway)
    with pytest.raises(NotImplementedError):
        asyncio.run(guarded({"type": "webtransport", "path": "/admin"}, None, None))
    assert not reached
