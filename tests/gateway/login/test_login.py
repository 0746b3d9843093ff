"""Logging in and out, and what a session is to the rest of the gateway."""

import json
import re
import time
from urllib.parse import parse_qs, urlsplit

import portal as portals
import pytest
from portal import BROWSER, PATH, SCRIPT, SESSION, URL
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from guarita.audit import open_ledger
from guarita.gateway.asgi import socket
from guarita.gateway.forward import ForwardAuth

SOCKET = "wss://portal.example.com/socket"


def query(url):
    return {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}


def test_a_browser_is_sent_to_log_in_and_back_to_where_it_wanted(portal, provider):
    first = portal.open("/me?x=1&y=a%20b")
    assert first.status_code == 303
    assert first.headers["location"] == f"{URL}{PATH}/start?return=/me?x=1&y=a%20b"
    there = portal.open(first.headers["location"])
    asked = query(there.headers["location"])
    assert asked["redirect_uri"] == f"{URL}{PATH}/callback"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert len(asked["nonce"]) == len(asked["code_challenge"]) == 43
    back = portal.come_back(portal.begin("/me?x=1&y=a%20b"))
    assert back.headers["location"] == f"{URL}/me?x=1&y=a%20b"
    who = portal.open("/me").json()
    assert (who["subject"], who["issuer"], who["by"]) == ("user-1", provider.issuer, "session")
    assert (who["roles"], who["scopes"]) == (["staff"], ["openid"])
    assert portal.open("/docs").status_code == 200


def test_the_cookies_are_written_as_nobody_else_can(portal):
    answers = [portal.open(f"{PATH}/start"), portal.log_in()]
    for answer, name in zip(answers, (BROWSER, SESSION), strict=True):
        said = answer.headers["set-cookie"]
        value, *attributes = said.removeprefix(f"{name}=").split("; ")
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", value)
        assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= set(attributes)
        assert not re.search("domain|expires", said, re.IGNORECASE)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_each_login_gets_an_identifier_of_its_own_and_ends_the_one_before(portal):
    portal.log_in()
    first = portal.client.cookies[SESSION]
    portal.log_in()
    assert portal.client.cookies[SESSION] != first
    other = portal.browser()
    other.cookies.set(SESSION, first)
    assert portal.code(portal.me(other)) == "session.ended"
    assert portal.me().status_code == 200


def test_scripts_are_refused_and_not_sent_anywhere(portal):
    for headers in (
        {},
        SCRIPT,
        {"accept": "application/json"},
        {"accept": "text/html", "x-requested-with": "XMLHttpRequest"},
        {"accept": "text/html", "authorization": "Basic eDp5"},
        portals.NAVIGATION | {"sec-fetch-dest": "image"},
        portals.NAVIGATION | {"sec-fetch-mode": "no-cors"},
    ):
        answer = portal.client.get("/me", headers={"accept": "*/*"} | headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "credential.missing")
    assert portal.client.post("/me", headers=portals.NAVIGATION).status_code == 401
    assert portal.client.get("/me", headers={"accept": "text/html"}).status_code == 303, "an older browser"
    assert portal.open("/nowhere").headers["location"].endswith("/nowhere"), "who knows what he may see"


def test_who_is_logged_in_and_may_not_is_not_sent_to_log_in(portal, provider):
    provider.claims = {}
    portal.log_in()
    answer = portal.open("/docs")
    assert answer.status_code == 403
    assert "www-authenticate" not in answer.headers


def test_a_session_is_one_more_credential_beside_tokens(tmp_path, provider):
    tokens = {
        "issuers": [{"issuer": provider.issuer, "audiences": [provider.audience]}],
        "insecure_loopback": True,
    }
    portal = portals.Portal(portals.configured(tmp_path, provider, gateway={"tokens": tokens}), provider)
    with portal.client:
        portal.log_in()
        bearer = {"authorization": f"Bearer {provider.mint(sub='service')}"}
        for _ in range(2):  # the second time out of what is remembered
            assert portal.me().json()["subject"] == "user-1"
            assert portal.me(**bearer).json()["subject"] == "service"
            assert portal.me(authorization="Bearer nonsense").status_code == 401
            assert portal.me(portal.browser()).status_code == 401, "a session is nobody else's"
            assert portal.me(portal.browser(), **bearer).json()["subject"] == "service"


def test_logging_out_ends_the_session_here_and_at_the_provider(portal, provider):
    portal.log_in()
    value = portal.client.cookies[SESSION]
    linked = portal.open(f"{PATH}/logout")
    assert (linked.status_code, linked.headers["allow"]) == (405, "POST"), (
        "no link and no image logs anybody out"
    )
    foreign = portal.client.post(f"{PATH}/logout", headers={"origin": "https://evil.example"})
    assert portal.code(foreign) == "session.cross-site"
    assert portal.me().status_code == 200
    answer = portal.client.post(f"{PATH}/logout", headers={"origin": URL})
    assert answer.status_code == 303
    said = query(answer.headers["location"])
    assert answer.headers["location"].startswith(f"{provider.issuer}/logout?")
    assert said["post_logout_redirect_uri"] == f"{URL}/"
    assert said["id_token_hint"].count(".") == 2
    assert SESSION not in portal.client.cookies
    portal.client.cookies.set(SESSION, value)
    assert portal.code(portal.me()) == "session.ended"
    assert portal.client.post(f"{PATH}/logout", headers={"origin": URL}).headers["location"] == f"{URL}/"


def test_logging_out_without_the_provider_ends_it_here(portal, provider):
    portal.log_in()
    provider.metadata = {"end_session_endpoint": ...}
    portal.gateway.login._provider._discovery._held = None
    provider.fault = "500"
    answer = portal.client.post(f"{PATH}/logout", headers={"origin": URL})
    assert answer.headers["location"] == f"{URL}/"
    assert portal.me().status_code == 401


def test_the_provider_ends_a_session_by_its_name_or_all_of_a_subject(portal, provider):
    first, second, third = portal.browser(), portal.browser(), portal.browser()
    for sid, subject, client in (("s-1", "ana", first), ("s-2", "ana", second), ("s-3", "bia", third)):
        provider.sid, provider.subject = sid, subject
        portal.log_in(client=client)
    answer = portal.told_to_log_out(sid="s-1", sub="ana")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert [portal.me(client).status_code for client in (first, second, third)] == [401, 200, 200]
    assert portal.told_to_log_out(sid=..., sub="ana").status_code == 200
    assert [portal.me(client).status_code for client in (first, second, third)] == [401, 401, 200]


def test_a_session_that_has_no_name_ends_with_its_subject(portal, provider):
    provider.sid = ...
    portal.log_in()
    assert portal.told_to_log_out(sid="s-9", sub="somebody").status_code == 200
    assert portal.me().status_code == 200
    assert portal.told_to_log_out(sid="s-9", sub="user-1").status_code == 200
    assert portal.me().status_code == 401


def test_a_login_under_way_does_not_outlive_the_session_that_it_is_for(portal, provider):
    address = portal.begin()
    assert portal.told_to_log_out(iat=portals.time.time() + 20, sub=...).status_code == 200
    answer = portal.come_back(address)
    assert portal.code(answer) == "login.ended"
    assert SESSION not in portal.client.cookies


def test_sockets_are_opened_for_our_own_pages_and_closed_with_the_session(portal, monkeypatch):
    monkeypatch.setattr(socket, "RECHECK", 0.05)
    portal.log_in()
    for origin in (
        {},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": f"{URL}.evil.example"},
    ):
        with pytest.raises(Exception) as refused, portal.client.websocket_connect(SOCKET, headers=origin):
            pytest.fail("it was opened")
        assert type(refused.value).__name__ in {"WebSocketDenialResponse", "WebSocketDisconnect"}
    with portal.client.websocket_connect(
        "wss://portal.example.com/socket", headers={"origin": URL}
    ) as session:
        session.send_text("a")
        assert session.receive_text() == "A"
        portal.told_to_log_out()
        with pytest.raises(WebSocketDisconnect):
            session.receive_text()


def test_an_open_socket_is_no_sign_that_anybody_is_there(portal, monkeypatch):
    monkeypatch.setattr(socket, "RECHECK", 0.01)
    portal.log_in()
    store = portal.gateway.login._sessions._store
    looked, ahead, read = [], [0.0], store.read
    store._clock = lambda: time.monotonic() + ahead[0]

    async def watched(key, *, touch):
        looked.append(touch)
        return await read(key, touch=touch)

    store.read = watched
    with portal.client.websocket_connect(SOCKET, headers={"origin": URL}) as session:
        ahead[0] = 1_700.0
        before = len(looked)
        for text in "abc":
            while len(looked) < before + 3:
                time.sleep(0.01)
            before = len(looked)
            session.send_text(text)
            assert session.receive_text() == text.upper()
        ahead[0] = 1_900.0
        assert portal.code(portal.me()) == "session.ended"
        with pytest.raises(WebSocketDisconnect):
            session.receive_text()


def test_a_public_page_needs_no_store_and_no_session(portal):
    portal.client.cookies.set(SESSION, "x" * 43)
    assert portal.open("/health").status_code == 200


def test_logins_and_their_ends_stand_in_the_ledger_and_nothing_of_them_does(tmp_path, provider):
    provider.subject, provider.sid = "canary-subject", "canary-sid"
    path = portals.configured(tmp_path, provider, gateway={"audit": {"interval": 1}})
    portal = portals.Portal(path, provider)
    secrets = []
    with portal.client:
        for _ in range(2):
            portal.log_in()
            secrets.append(portal.client.cookies[SESSION])
        portal.come_back(f"{PATH}/callback?code=canary-code&state=canary-state")
        portal.client.post(f"{PATH}/logout", headers={"origin": URL})
        portal.log_in()
        portal.told_to_log_out()
    with open_ledger(str(tmp_path / "ledger.db"), create=False) as ledger:
        told = [json.loads(ledger.revealed(entry.body)) for entry in ledger.entries()]
        whole = b"".join(entry.body for entry in ledger.entries())
    logins = [event for event in told if event["class_uid"] == 3002]
    assert [event["activity_id"] for event in logins] == [1, 1, 2, 1, 2]
    assert {event["user"]["uid"] for event in logins} == {"canary-subject"}
    assert len({event["session"]["uid"] for event in logins}) == 3
    assert "login.state" in {event.get("status_code") for event in told}
    for secret in [*secrets, "canary"]:
        assert secret.encode() not in whole


def test_a_page_says_why_and_repeats_nothing(portal):
    answer = portal.come_back(f"{PATH}/callback?error=%3Cscript%3E&error_description=canary&state=x")
    assert answer.status_code == 400
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "canary" not in answer.text
    assert "<script>" not in answer.text
    assert f'<a href="{URL}{PATH}/start">' in answer.text
    twice = [("accept", "application/json"), ("accept", "text/html")]
    assert (
        portal.client.get(f"{PATH}/callback", headers=twice).headers["content-type"].startswith("text/html")
    )
    plain = portal.client.get(f"{PATH}/callback", headers={"accept": "application/json"})
    assert plain.json()["code"] == "login.state"


# --- by the contracts of proxies


@pytest.fixture
def asked(tmp_path, provider):
    """Somebody who is logged in, and the server that a proxy asks."""
    path = portals.configured(
        tmp_path, provider, gateway={"proxies": ["127.0.0.1"], "access": portals.ACCESS}
    )
    portal = portals.Portal(path, provider)
    portal.client = TestClient(
        ForwardAuth(portal.gateway), base_url=URL, client=("127.0.0.1", 9), follow_redirects=False
    )
    with portal.client:
        portal.log_in()
        yield portal.client


def traefik(method="GET", uri="/me", **headers):
    said = {"x-forwarded-method": method, "x-forwarded-uri": uri, "x-forwarded-proto": "https",
            "x-forwarded-host": "portal.example.com", "x-forwarded-for": "203.0.113.5"}  # fmt: skip
    return {**said, **{name.replace("_", "-"): value for name, value in headers.items()}}


def test_traefik_hands_the_way_to_the_login_on(asked):
    answer = asked.get("/traefik", headers=traefik(**SCRIPT))
    assert (answer.status_code, answer.headers["x-guarita-subject"]) == (200, "user-1")
    for headers, status in (
        (traefik("POST", sec_fetch_site="same-site"), 403),
        (traefik("POST", sec_fetch_site="same-origin"), 200),
        (traefik(sec_fetch_site="same-site", sec_fetch_mode="no-cors"), 403),
        (traefik(sec_websocket_key="x", sec_fetch_site="same-site"), 403),
        (traefik(sec_websocket_key="x"), 403),
        (traefik(sec_websocket_key="x", origin=URL), 200),
    ):
        assert asked.get("/traefik", headers=headers).status_code == status, headers
    asked.cookies.clear()
    answer = asked.get("/traefik", headers=traefik(uri="/me?a=b") | portals.NAVIGATION)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{URL}{PATH}/start?return=/me?a=b")
    assert asked.get("/traefik", headers=traefik(**SCRIPT)).status_code == 401


def test_envoy_must_say_who_sent_a_session(asked):
    for headers, status in (
        ({}, 400),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"origin": URL}, 200),
        ({"origin": "https://docs.example.com"}, 403),
    ):
        assert asked.get("/envoy/me", headers=headers).status_code == status, headers
    assert asked.get("/envoy/me").json()["code"] == "forward.contract"
    asked.cookies.clear()
    assert asked.get("/envoy/me").status_code == 401
    answer = asked.get("/envoy/me?a=b", headers=portals.NAVIGATION)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{URL}{PATH}/start?return=/me?a=b")
