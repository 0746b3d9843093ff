"""What an attacker sends to a gateway that works: each was a hole, or could become one."""

import asyncio
import base64
import contextlib
import json
import socket
import subprocess
import sysconfig
import threading
from collections import Counter
from pathlib import Path

import anyio
import pytest
import servers
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from guarita.audit import LedgerUnavailableError, open_ledger
from guarita.gateway import GatewayMiddleware
from guarita.gateway.core import Gateway
from guarita.gateway.forward import ForwardAuth
from guarita.gateway.interface import Authenticator, Principal, Request
from guarita.gateway.keys import KeySetError, parse_key_set
from guarita.gateway.oauth.clientauth import Client
from guarita.gateway.oauth.introspection import IntrospectionAuthenticator
from guarita.gateway.outbound import Outbound
from guarita.gateway.paths import PathError, canonical
from guarita.gateway.proxies import Proxies
from guarita.gateway.refusal import RefusalError, UndecidedError
from guarita.gateway.reporting import STRANGERS, LedgerReporter
from guarita.gateway.testing import LocalIssuer
from guarita.gateway.testing.signing import SigningKey

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
READ = {"authorization": "Bearer ana docs:read"}


class Broken(Authenticator):
    """One whose store is gone, and which says where that is."""

    name = "broken"

    async def authenticate(self, request):
        raise UndecidedError(
            "apikey.store-unavailable", "the store /srv/secret-place/keys.db is out of reach"
        )


@pytest.mark.parametrize("kind", ["http", "forward"])
def test_where_things_stand_inside_is_told_to_the_operator_and_not_to_the_caller(
    application, policy, kind, caplog
):
    gateway = Gateway(policy, [Broken()], proxies=Proxies(["127.0.0.1"]))
    guarded = GatewayMiddleware(application, gateway) if kind == "http" else ForwardAuth(gateway)
    client = TestClient(guarded, client=("127.0.0.1", 1))
    said = {"x-original-method": "GET", "x-original-uri": "/docs"}
    answers = [
        client.get("/docs") if kind == "http" else client.get("/nginx", headers=said) for _ in range(9)
    ]
    assert {answer.status_code for answer in answers} == {503}
    assert "secret-place" not in answers[0].text
    assert answers[0].json()["code"] == "apikey.store-unavailable"
    assert caplog.text.count("secret-place") == 1, "once, however many ask"


def number(value):
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.mark.parametrize("bits", [34, 64, 2047])
def test_a_key_that_is_made_to_cost_time_is_not_used(bits):
    """RSA's check takes as many squarings as the exponent has bits, and a DPoP proof brings its own key."""
    member = SigningKey.new("RS256").public()
    assert parse_key_set(json.dumps({"keys": [member]}).encode()).keys
    slow = {**member, "e": number((1 << (bits - 1)) + 1)}
    with pytest.raises(KeySetError, match="exponent"):
        parse_key_set(json.dumps({"keys": [slow]}).encode())


KEYS = [SigningKey.new(name).public() for name in ("RS256", "ES256", "EdDSA")]
STRANGE = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=20), st.lists(st.text(max_size=6), max_size=3),
    st.sampled_from(["RSA", "EC", "OKP", "oct", "P-256", "secp256k1", "Ed448", "X25519", "AQAB", "AA", "=="]),
)  # fmt: skip


@given(
    st.lists(
        st.tuples(
            st.sampled_from(KEYS),
            st.dictionaries(
                st.sampled_from(["kty", "crv", "x", "y", "n", "e", "alg", "use", "key_ops", "kid"]), STRANGE
            ),
        ),
        max_size=4,
    )
)
def test_whatever_an_issuer_publishes_is_a_set_or_an_error_of_ours(made):
    members = [{**member, **changed} for member, changed in made]
    try:
        found = parse_key_set(json.dumps({"keys": members}).encode())
    except KeySetError:
        return
    assert 0 < len(found.keys) <= len(members)


@pytest.mark.parametrize(
    "raw",
    [
        "/static/\N{FULLWIDTH SOLIDUS}admin",
        "/static/\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}/admin",
        "/static/\N{ONE DOT LEADER}\N{ONE DOT LEADER}/admin",
        "/static/\N{TWO DOT LEADER}/admin",
        "/static/\N{FULLWIDTH REVERSE SOLIDUS}admin",
        "/static/a\N{FULLWIDTH SEMICOLON}b",
        "/static/\N{FULLWIDTH PERCENT SIGN}2e",
        "/static/\N{FULLWIDTH NUMBER SIGN}x",
        "/static/\N{FULLWIDTH QUESTION MARK}x",
    ],
)
def test_letters_that_some_frameworks_fold_into_separators_are_refused(raw):
    with pytest.raises(PathError):
        canonical("".join(f"%{byte:02X}" if byte > 127 else chr(byte) for byte in raw.encode()).encode())


@pytest.mark.parametrize(
    "text", ["/caf\N{LATIN SMALL LETTER E WITH ACUTE}", "/\N{VULGAR FRACTION ONE HALF}", "/文書/1"]
)
def test_other_letters_pass(text):
    assert canonical("".join(f"%{b:02X}" if b > 127 else chr(b) for b in text.encode()).encode()) == text


class Named(Authenticator):
    name = "named"

    def __init__(self, **said):
        self.said = said

    async def authenticate(self, request):
        return Principal("ana", scopes=frozenset({"docs:read"}), **self.said)


@pytest.fixture
def ask(policy):
    def ask(path="/traefik", *, headers=None, **said):
        gateway = Gateway(policy, [Named(**said)], proxies=Proxies(["127.0.0.1"]))
        forwarded = {"x-forwarded-method": "GET", "x-forwarded-uri": "/docs"}
        return TestClient(ForwardAuth(gateway), client=("127.0.0.1", 1)).get(
            path, headers={**forwarded, **(headers or {})}
        )

    return ask


def test_a_role_with_a_space_does_not_become_two(ask):
    answer = ask(roles=frozenset({"not admin"}))
    assert answer.headers["x-guarita-roles"] == "not%20admin"


@pytest.mark.parametrize("name", ["X_Guarita_Subject", "x_guarita-roles", "X-Guarita_Scopes"])
def test_a_header_that_a_wsgi_service_reads_as_ours_is_refused(ask, name):
    answer = ask(headers={name: "root"})
    assert (answer.status_code, answer.json()["code"]) == (400, "request.underscore-header")


def test_a_path_that_is_none_is_no_contract(policy):
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "OPTIONS", "path": "*", "raw_path": b"*", "headers": [],
             "client": ("127.0.0.1", 1), "query_string": b""}  # fmt: skip
    asyncio.run(ForwardAuth(Gateway(policy, []))(scope, None, send))
    assert sent[0]["status"] == 404


class Choosy(LocalIssuer):
    """One whose introspection stumbles over some tokens, as servers do over what they did not expect."""

    stumbles = (400, {})

    def answer(self, path, form, authorization):
        if form.get("token", [""])[0].startswith("strange"):
            return self.stumbles
        return super().answer(path, form, authorization)


@pytest.mark.parametrize("stumbles", [(400, {}), (422, {}), (414, {}), (200, []), (200, {"active": "yes"})])
def test_a_token_that_its_issuer_stumbles_over_keeps_nobody_else_out(policy, stumbles):
    async def asked():
        with Choosy() as issuer:
            issuer.stumbles = stumbles
            name, secret = issuer.client
            authenticator = IntrospectionAuthenticator(
                issuer.issuer, issuer.introspection_endpoint, Client(name, lambda: secret),
                Outbound(insecure_loopback=True), audiences=[issuer.audience],
            )  # fmt: skip
            gateway = Gateway(policy, [authenticator])
            codes = []
            for token in ("strange-1", "strange-1", issuer.opaque_token(scope="docs:read")):
                try:
                    await gateway.admit(
                        Request("GET", "/docs", ((b"authorization", b"Bearer " + token.encode()),))
                    )
                    codes.append("granted")
                except RefusalError as refusal:
                    codes.append(refusal.code)
            await gateway.aclose()
            return codes, issuer.requests["/introspect"]

    codes, count = asyncio.run(asked())
    assert codes == ["introspection.unavailable", "introspection.unavailable", "granted"]
    assert count == 2, "the strange one is not asked about again at once"


def test_strangers_from_many_addresses_keep_nobody_out_and_are_counted(policy, letters, tmp_path):
    """Each new person in the ledger costs a key of his own; a subscriber has 2^64 addresses."""
    with open_ledger(str(tmp_path / "ledger.db")) as ledger:
        with LedgerReporter(ledger, when_unwritable="deny", interval=60) as reporter:
            gateway = Gateway(policy, [letters], reporter=reporter)

            async def flood():
                codes = Counter()
                for number in range(12_000):
                    try:
                        await gateway.admit(Request("GET", "/docs", (), client=f"2001:db8::{number:x}"))
                    except RefusalError as refusal:
                        codes[refusal.code] += 1
                await gateway.admit(Request("GET", "/docs", ((b"authorization", b"Bearer ana docs:read"),)))
                return codes

            assert asyncio.run(flood()) == {"credential.missing": 12_000}
        told = [json.loads(entry.body) for entry in ledger.entries()]
    api = [event for event in told if event["class_uid"] == 6003]
    singly = [event for event in api if event.get("status_code") == "credential.missing"]
    counted = [
        event["unmapped"]["guarita"] for event in api if event["api"]["operation"] == "gateway.refused-again"
    ]
    assert len(singly) == STRANGERS
    assert len(singly) + sum(one["count"] for one in counted if one["code"] == "credential.missing") == 12_000
    assert len(counted) <= 2


@pytest.mark.parametrize(("choice", "code"), [("deny", "audit.unavailable"), ("drop", "")])
def test_a_ledger_that_does_not_answer_holds_up_nobody_elses_request(tmp_path, monkeypatch, choice, code):
    from guarita.gateway import build

    answering, asked = threading.Event(), []

    def slow(url, path):
        asked.append(path)
        answering.wait(60)
        raise LedgerUnavailableError("audit.unavailable", "it does not answer")

    monkeypatch.setattr(build, "open_configured", slow)
    monkeypatch.setattr(build, "OPEN_AGAIN", 3600.0)
    (tmp_path / "guarita.yaml").write_text(f"gateway: {{audit: {{when_unwritable: {choice}}}}}\n")
    gateway = Gateway.from_file(tmp_path / "guarita.yaml")

    async def both():
        first = asyncio.ensure_future(gateway.admit(Request("GET", "/docs", ())))
        await asyncio.sleep(0.05)
        assert not first.done(), "the event loop goes on while it waits"
        answering.set()
        await asyncio.wait({first})
        codes = []
        for _ in range(3):
            with pytest.raises(RefusalError) as refused:
                await gateway.admit(Request("GET", "/docs", ()))
            codes.append(refused.value.code)
        return [first.exception().code, *codes]

    missing = "credential.missing" if choice == "drop" else code
    assert asyncio.run(both()) == [missing] * 4
    assert len(asked) == 1, "it is left alone for a while"


@pytest.mark.parametrize("kind", ["http", "socket", "forward"])
def test_what_is_refused_before_it_means_anything_is_on_the_record(application, gateway, recorder, kind):
    gateway.proxies = Proxies(["127.0.0.1"])
    guarded = ForwardAuth(gateway) if kind == "forward" else GatewayMiddleware(application, gateway)
    client = TestClient(guarded, client=("127.0.0.1", 1))
    if kind == "forward":
        client.get("/nginx", headers={"x-original-method": "GET", "x-original-uri": "/a/..%2f/b"})
        wanted = "request.path"
    elif kind == "http":
        client.get("/docs", headers={**READ, "x-http-method-override": "DELETE"})
        wanted = "request.override"
    else:
        headers = {**READ, "x_api_key": "1"}
        with (
            contextlib.suppress(WebSocketDenialResponse),
            client.websocket_connect("/socket", headers=headers),
        ):
            pytest.fail("it was accepted")
        wanted = "request.underscore-header"
    assert recorder.refused_with == [(wanted, "", None)]


POLICY_FILE = "gateway: {{proxies: [{}], access: {{routes: [{{path: /x, methods: [GET], public: true}}]}}}}\n"


def test_a_unix_socket_is_a_proxys_where_that_is_declared_and_nobodys_else(tmp_path):
    file, place = tmp_path / "guarita.yaml", tmp_path / "s"
    command = [GUARITA, "gateway", "serve", "--config", file, "--uds", place]
    file.write_text(POLICY_FILE.format("127.0.0.1"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "proxies: [unix]" in done.stderr
    file.write_text(POLICY_FILE.format("unix"))
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        with socket.socket(socket.AF_UNIX) as connected:
            servers.wait_until(place.exists, process)
            connected.settimeout(20)
            connected.connect(str(place))
            connected.sendall(
                b"GET /nginx HTTP/1.1\r\nHost: a\r\nX-Original-Method: GET\r\nX-Original-URI: /x\r\n"
                b"X-Forwarded-For: 203.0.113.5\r\n\r\n"
            )
            assert connected.recv(4096).startswith(b"HTTP/1.1 200")
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_without_an_address_nobody_is_a_proxy_unless_that_is_declared():
    said = ((b"x-forwarded-for", b"10.1.2.3"),)
    assert Proxies(["unix"]).origin(said, peer="", scheme="http", host="a").client == "10.1.2.3"
    for declared in ([], ["0.0.0.0/0", "::/0"]):
        with pytest.raises(RefusalError, match="no declared proxy"):
            Proxies(declared).origin(said, peer="", scheme="http", host="a")
    assert not Proxies(["unix"]).trusts("203.0.113.5")


def test_a_socket_whose_grant_cannot_be_looked_at_again_is_closed(application, gateway, letters, monkeypatch):
    monkeypatch.setattr("guarita.gateway.asgi.socket.RECHECK", 0.05)
    client = TestClient(GatewayMiddleware(application, gateway), raise_server_exceptions=False)
    with (
        contextlib.suppress(ZeroDivisionError),
        client.websocket_connect("/socket", headers=READ) as session,
    ):

        async def broken(request):
            raise ZeroDivisionError

        letters.authenticate = broken
        gateway.forget()
        with pytest.raises(WebSocketDisconnect) as closed:
            session.receive_text()
        assert closed.value.code == 1008


def test_who_goes_away_during_the_start_stops_it_for_nobody_else(policy, letters):
    async def asked():
        going, began = asyncio.Event(), []

        async def slow():
            began.append(1)
            await going.wait()

        gateway = Gateway(policy, [letters], starting=[slow])
        right = Request("GET", "/docs", ((b"authorization", b"Bearer ana docs:read"),))
        first, second = (asyncio.ensure_future(gateway.admit(right)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait({first})
        going.set()
        return (await second).principal.subject, len(began), first.cancelled()

    assert asyncio.run(asked()) == ("ana", 1, True)


def test_a_set_of_ten_thousand_keys_is_none():
    member = SigningKey.new("EdDSA").public()
    many = json.dumps({"keys": [{**member, "kid": f"k{number}"} for number in range(10_000)]}).encode()
    with pytest.raises(KeySetError, match="more than"):
        parse_key_set(many)
    few = json.dumps({"keys": [{"kid": str(number)} for number in range(1_000)]}).encode()
    with pytest.raises(KeySetError, match="at most 100"):
        parse_key_set(few)


def test_a_client_that_takes_nothing_keeps_no_socket_open(gateway, letters, monkeypatch):
    monkeypatch.setattr("guarita.gateway.asgi.socket.RECHECK", 0.05)
    monkeypatch.setattr("guarita.gateway.asgi.socket.CLEARING", 0.1)
    heard = []

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        try:
            await send({"type": "websocket.send", "text": "x"})
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise

    async def stalled():
        async def receive():
            return {"type": "websocket.connect"}

        async def send(message):
            if message["type"] == "websocket.send":
                letters.revoked.add("ana")
                gateway.forget()
                await asyncio.Event().wait()

        scope = {
            "type": "websocket", "path": "/socket", "raw_path": b"/socket", "query_string": b"", "scheme": "ws",
            "headers": [(b"authorization", b"Bearer ana docs:read")], "client": ("203.0.113.5", 1),
        }  # fmt: skip
        await GatewayMiddleware(app, gateway)(scope, receive, send)

    asyncio.run(asyncio.wait_for(stalled(), 30))
    assert heard == ["cancelled"]


def test_who_cancels_a_socket_by_anyio_knows_it_for_his_own(gateway):
    """Much of what stands around an application does: a cancellation that it does not know ends all of it."""

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        pass

    def later(steps, work):
        """After so many turns of the event loop."""
        loop = asyncio.get_running_loop()
        loop.call_soon(work) if not steps else loop.call_soon(later, steps - 1, work)

    async def cancelled(steps):
        async def app(scope, receive, send):
            later(steps, moved.cancel)

        scope = {
            "type": "websocket", "path": "/socket", "raw_path": b"/socket", "query_string": b"", "scheme": "ws",
            "headers": [(b"authorization", b"Bearer ana docs:read")], "client": ("203.0.113.5", 1),
        }  # fmt: skip
        with anyio.CancelScope() as moved:
            await GatewayMiddleware(app, gateway)(scope, receive, send)
            await anyio.sleep_forever()
        return moved.cancelled_caught

    assert all(anyio.run(cancelled, steps) for steps in range(12))
