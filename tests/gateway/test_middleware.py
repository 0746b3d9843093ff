"""The middleware in front of a real Starlette application: what passes, what does not, and what is said."""

import asyncio

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from guarita.gateway.asgi import GatewayMiddleware, socket
from guarita.gateway.proxies import OVERRIDES, Proxies

READ = {"authorization": "Bearer ana docs:read"}


@pytest.fixture
def client(application, gateway):
    return TestClient(GatewayMiddleware(application, gateway), raise_server_exceptions=False)


def test_who_may_passes_and_is_known_to_the_application(client):
    answer = client.get("/who", headers=READ)
    assert (answer.status_code, answer.text) == (200, "ana")


def test_public_routes_need_no_credential_and_a_bad_one_does_no_harm(client):
    assert client.get("/health").status_code == 200
    assert client.get("/health", headers={"authorization": "Bearer bad"}).status_code == 200


def test_nothing_brought_is_401_without_an_error(client, recorder):
    answer = client.get("/docs")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="guarita"'
    assert answer.json()["code"] == "credential.missing"
    assert answer.headers["cache-control"] == "no-store"
    assert recorder.refused_with == [("credential.missing", "/docs", None)]


def test_a_wrong_credential_is_401_with_its_error(client):
    answer = client.get("/docs", headers={"authorization": "Bearer bad docs:read"})
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_not_enough_is_403(client, recorder):
    answer = client.post("/docs", headers=READ)
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert recorder.refused_with == [("access.missing-permission", "/docs", "ana")]


def test_a_route_that_no_rule_covers_is_refused(client):
    assert client.get("/open").status_code == 401
    assert client.get("/open", headers=READ).json()["code"] == "access.no-rule"
    assert client.request("PATCH", "/docs", headers=READ).status_code == 403


def test_a_grant_is_decided_once_and_used_again(client, letters, policy):
    for _ in range(5):
        assert client.get("/who", headers=READ).text == "ana"
    assert letters.asked == 1
    assert client.get("/docs", headers=READ).status_code == 200
    assert client.get("/who", headers={"authorization": "Bearer bia docs:read"}).text == "bia"
    assert letters.asked == 3


def test_revoking_and_a_new_policy_hold_at_once(client, letters, gateway, policy):
    assert client.get("/who", headers=READ).status_code == 200
    letters.revoked.add("ana")
    gateway.forget()
    assert client.get("/who", headers=READ).json()["code"] == "token.revoked"
    letters.revoked.clear()
    gateway.replace_policy(type(policy)({}))
    assert client.get("/who", headers=READ).json()["code"] == "access.no-rule"


def test_a_grant_ends_with_its_credential(application, gateway, letters):
    now = [1000.0]
    gateway.clock = lambda: now[0]
    letters.expires = 0.0
    client = TestClient(GatewayMiddleware(application, gateway))
    for _ in range(3):
        client.get("/who", headers=READ)
    assert letters.asked == 3, "one that has ended is decided anew each time"


@pytest.mark.parametrize("name", sorted(OVERRIDES))
def test_nobody_asks_for_another_request_by_a_header(client, name):
    for _ in range(2):
        answer = client.get("/who", headers={**READ, name.decode(): "POST"})
        assert (answer.status_code, answer.json()["code"]) == (400, "request.override")
        assert client.get("/who", headers=READ).status_code == 200


@pytest.mark.parametrize("name", ["x_api_key", "x_forwarded_for", "X_HTTP_Method_Override"])
def test_headers_with_underscores_that_look_like_ours_are_refused(client, name):
    assert client.get("/who", headers={**READ, name: "1"}).json()["code"] == "request.underscore-header"


def test_a_credential_that_stands_twice_is_refused(client):
    client.get("/who", headers=READ)
    headers = [("authorization", "Bearer ana docs:read"), ("authorization", "Bearer bia docs:read")]
    for given in (headers, headers[::-1]):
        assert client.get("/who", headers=given).json()["code"] == "request.repeated-header"


@pytest.mark.parametrize(
    "path", ["//who", "/docs/../who", "/docs/%2e%2e/who", "/who%2f", "/%77ho%00", "/who;x"]
)
def test_ambiguous_paths_never_reach_the_application(application, gateway, path):
    scope = {
        "type": "http", "method": "GET", "path": "/who", "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"authorization", b"Bearer ana docs:read")], "client": ("127.0.0.1", 1), "scheme": "http",
    }  # fmt: skip
    assert asyncio.run(status_of(GatewayMiddleware(application, gateway), scope)) == 400


async def status_of(app, scope):
    sent = []

    async def receive():
        return {"type": "http.request", "body": b""}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"]


def test_a_server_that_reads_the_path_differently_is_noticed(application, gateway):
    scope = {
        "type": "http", "method": "GET", "path": "/admin", "raw_path": b"/who", "query_string": b"",
        "headers": [(b"authorization", b"Bearer ana docs:read")], "client": None, "scheme": "http",
    }  # fmt: skip
    assert asyncio.run(status_of(GatewayMiddleware(application, gateway), scope)) == 400


def test_a_remembered_grant_does_not_serve_another_path_method_or_query(client, letters):
    assert client.get("/who", headers=READ).status_code == 200
    assert client.post("/who", headers=READ).status_code == 403
    assert client.get("/who?admin=1", headers=READ).status_code == 200
    assert client.get("/admin", headers=READ).status_code == 403


def test_forwarding_headers_of_strangers_are_refused_even_after_a_grant(application, gateway):
    client = TestClient(GatewayMiddleware(application, gateway), client=("203.0.113.5", 1))
    assert client.get("/who", headers=READ).status_code == 200
    answer = client.get("/who", headers={**READ, "x-forwarded-for": "10.0.0.1"})
    assert answer.json()["code"] == "request.undeclared-proxy"
    gateway.proxies = Proxies(["203.0.113.0/24"])
    assert client.get("/who", headers={**READ, "x-forwarded-for": "10.0.0.1"}).status_code == 200


def test_streams_pass_and_a_fault_of_an_authenticator_lets_nobody_in(client):
    assert client.get("/stream", headers=READ).text == "piece" * 3
    assert client.get("/who", headers={"authorization": "Bearer bug docs:read"}).status_code == 500


def test_many_credentials_stay_bounded(application, gateway):
    middleware = GatewayMiddleware(application, gateway)
    client = TestClient(middleware)
    for number in range(200):
        client.get("/who", headers={"authorization": f"Bearer u{number} docs:read"})
        client.get("/health", headers={"authorization": f"Bearer u{number}"})
    assert len(middleware._remembered) == 200


class TestSockets:
    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch):
        monkeypatch.setattr(socket, "RECHECK", 0.05)

    def test_one_that_may_speaks(self, client):
        with client.websocket_connect("/socket", headers=READ) as session:
            session.send_text("hello")
            assert session.receive_text() == "HELLO"

    @pytest.mark.parametrize(
        "headers", [{}, {"authorization": "Bearer ana other"}, {"authorization": "Bearer bad x"}]
    )
    def test_one_that_may_not_is_refused_before_it_is_accepted(self, client, headers):
        with pytest.raises(Exception) as refused, client.websocket_connect("/socket", headers=headers):
            pytest.fail("it was accepted")
        assert type(refused.value).__name__ in {"WebSocketDenialResponse", "WebSocketDisconnect"}

    def test_it_is_closed_when_its_credential_is_revoked(self, client, letters, gateway):
        with client.websocket_connect("/socket", headers=READ) as session:
            letters.revoked.add("ana")
            gateway.forget()
            with pytest.raises(WebSocketDisconnect) as closed:
                session.receive_text()
            assert closed.value.code == 1008

    def test_it_is_closed_when_its_credential_ends(self, client, letters, gateway):
        letters.expires = gateway.clock() + 0.2
        with client.websocket_connect("/socket", headers=READ) as session:
            session.send_text("a")
            assert session.receive_text() == "A"
            with pytest.raises(WebSocketDisconnect):
                session.receive_text()

    def test_it_is_closed_when_the_policy_no_longer_allows_it_and_stays_when_it_does(
        self, client, gateway, policy
    ):
        with client.websocket_connect("/socket", headers=READ) as session:
            gateway.replace_policy(type(policy)(policy.rules))
            session.send_text("b")
            assert session.receive_text() == "B"
            gateway.replace_policy(type(policy)({}))
            with pytest.raises(WebSocketDisconnect):
                session.receive_text()
