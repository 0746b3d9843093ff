"""Tokens for calls to others: given once, kept apart, renewed in time, and sent nowhere else."""

import asyncio
import base64
import json
import time
from typing import Annotated

import httpx
import openidprovider
import portal as portals
import pytest
import servers
from cryptography.hazmat.primitives import serialization
from fastapi import Depends, FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guarita.errors import GuaritaError, UsageError
from guarita.gateway import Gateway, GatewayMiddleware, Principal
from guarita.gateway.clients import (
    Clients,
    SubjectToken,
    TargetError,
    TokenRefusedError,
    TokenUnavailableError,
)
from guarita.gateway.fastapi import principal, subject_token
from guarita.gateway.oauth.tokenendpoint import Issued
from guarita.gateway.testing.provider import LocalProvider
from guarita.gateway.testing.signing import SigningKey

TARGET = "https://search.internal"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


@pytest.fixture(scope="module")
def provider():
    with LocalProvider() as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(provider):
    provider.fault = provider.faulty = provider.refuses = None
    provider.tokens, provider.expires_in, provider.client = {}, 300, ("docs", "s3cret/of+tests")
    provider.grants.clear()
    provider.asked.clear()
    yield
    provider.release()


def clients(folder, issuer, **more):
    (folder / "secret").write_text("s3cret/of+tests")
    section = {
        "issuer": issuer, "client": {"id": "docs", "secret": {"file": "secret"}}, "targets": [TARGET],
        "insecure_loopback": True, **more,
    }  # fmt: skip
    path = folder / "guarita.yaml"
    path.write_text(json.dumps({"gateway": {"clients": {"search": section}}}))
    return Clients.from_file(path)


class Time:
    def __init__(self, client):
        self.ahead = 0.0
        cache = client._cache
        cache._now = cache._endpoint._now = lambda: time.time() + self.ahead
        cache._clock = lambda: time.monotonic() + self.ahead


@pytest.fixture
def search(tmp_path, provider):
    return clients(tmp_path, provider.issuer, scopes=["search:read", "search:write"])["search"]


def token_of(headers):
    return headers["Authorization"].removeprefix("Bearer ")


async def ask(caller, url=f"{TARGET}/query"):
    return token_of(await caller.headers("GET", url))


async def settled(holds):
    for _ in range(3000):
        if holds():
            return
        await asyncio.sleep(0.02)
    raise AssertionError


def test_a_token_is_asked_for_once_by_all(search, provider):
    async def work():
        return await asyncio.gather(*(ask(search) for _ in range(50)))

    assert len(set(asyncio.run(work()))) == 1
    assert provider.grants == {"client_credentials": 1}
    assert provider.asked[0]["scope"] == "search:read search:write"


def test_it_is_renewed_before_it_ends_and_nobody_waits(search, provider):
    async def work():
        clock = Time(search)
        first = await ask(search)
        clock.ahead = 200
        assert await ask(search) == first
        clock.ahead = 245
        provider.fault, provider.faulty = "hang", frozenset({"/token"})
        assert await ask(search) == first, "the issuer hangs, and nobody notices"
        provider.fault = None
        provider.release()
        clock.ahead = 290
        await settled(lambda: search._cache._flights.under_way(b"own") is None)
        clock.ahead = 294
        assert await ask(search) in {first, provider_token()}
        await settled(lambda: provider.grants["client_credentials"] == 2)

    def provider_token():
        return next(iter(search._cache._kept.values())).issued.access_token

    asyncio.run(work())


def test_one_that_has_ended_is_not_sent(search, provider):
    async def work():
        clock = Time(search)
        first = await ask(search)
        for clock.ahead in (296, 301, 10_000):
            assert await ask(search) != first
        clock.ahead = 0

    asyncio.run(work())


def test_an_outage_is_told_at_once_and_ends_by_itself(tmp_path, provider):
    search = clients(tmp_path, provider.issuer)["search"]
    outbound = search._cache._endpoint._outbound

    async def work():
        clock = Time(search)
        for fault in ("500", "hang", "not-json", "huge", "redirect", "empty"):
            provider.fault, provider.faulty = fault, frozenset({"/token"})
            outbound.timeout = 0.2 if fault == "hang" else 5
            before = provider.requests["/token"]
            for _ in range(5):
                with pytest.raises(TokenUnavailableError) as caught:
                    await ask(search)
                assert (caught.value.code, caught.value.status) == ("client.unavailable", 503)
            assert provider.requests["/token"] - before <= 1, "it is left alone for a moment"
            clock.ahead += 31
        provider.fault = None
        assert await ask(search)
        clock.ahead += 299
        provider.fault = "500"
        for _ in range(8):
            with pytest.raises(TokenUnavailableError):
                await ask(search)
            clock.ahead += 31  # never longer than thirty seconds
        provider.fault = None
        assert await ask(search)

    asyncio.run(work())


@pytest.mark.parametrize("error", ["invalid_client", "invalid_scope", "canary-error"])
def test_a_refusal_is_told_with_its_code_and_nothing_else(search, provider, error):
    provider.refuses = error

    async def work():
        for _ in range(3):
            with pytest.raises(TokenRefusedError) as caught:
                await ask(search)
            assert caught.value.code == "client.refused"
            assert caught.value.reason == error or "canary" in error
            assert "canary" not in str(caught.value) + repr(caught.value)

    asyncio.run(work())
    assert provider.requests["/token"] > 0
    assert len([said for said in provider.asked if said["grant_type"] == "client_credentials"]) == 1


def test_no_secret_and_no_token_is_in_a_representation_or_an_error(search, provider, caplog):
    caplog.set_level(0)

    async def work():
        caller = search.on_behalf_of("canary-subject")
        shown = [repr(search), repr(caller), repr(caller.auth()), repr(search._cache._endpoint._client)]
        shown += [repr(SubjectToken("canary-subject")), str(SubjectToken("canary-subject"))]
        token = await ask(caller)
        shown += [repr(await caller.issued()), repr(search.__dict__), repr(search._cache.__dict__)]
        with pytest.raises(TargetError) as caught:
            await caller.headers("GET", "https://evil.example/canary")
        shown += [
            str(caught.value),
            *(record.getMessage() for record in caplog.records if "guarita" in record.name),
        ]
        return token, shown

    token, shown = asyncio.run(work())
    for secret in (token, "canary", "s3cret"):
        assert not [text for text in shown if secret in text]


# --- for somebody else


def test_each_subject_gets_a_token_of_its_own(search, provider):
    async def work():
        callers = [search.on_behalf_of(f"subject-{number % 7}") for number in range(70)]
        return await asyncio.gather(*(ask(caller) for caller in callers), ask(search))

    found = asyncio.run(work())
    assert provider.grants == {EXCHANGE: 7, "client_credentials": 1}
    for number, token in enumerate(found[:70]):
        assert subject_in(token) == f"subject-{number % 7}"
    assert subject_in(found[-1]) == "docs"
    said = provider.asked[0]
    assert said["requested_token_type"] == said["subject_token_type"]
    assert said["subject_token_type"] == "urn:ietf:params:oauth:token-type:access_token"


def subject_in(token):
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["sub"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=6), st.text(min_size=1, max_size=6)), min_size=1, max_size=8
    )
)
def test_no_two_subjects_ever_share(search, subjects):
    """Whatever they are called, and whatever their tokens' types are called."""

    class Echo:
        async def ask(self, grant):
            whose = json.dumps([grant["subject_token"], grant["subject_token_type"]])
            return Issued(whose, "Bearer", time.time() + 300, None)

    search._cache._endpoint = Echo()

    async def work():
        for value, kind in subjects * 2:
            issued = await search.on_behalf_of(SubjectToken(value, kind)).issued()
            assert json.loads(issued.access_token) == [value, kind]

    asyncio.run(work())


def test_a_refused_subject_is_nobody_elses_matter(search, provider):
    async def work():
        await ask(search.on_behalf_of("good"))
        provider.refuses = "invalid_grant"
        with pytest.raises(TokenRefusedError):
            await ask(search.on_behalf_of("bad"))
        assert await ask(search.on_behalf_of("good"))
        provider.refuses = None
        assert subject_in(await ask(search.on_behalf_of("other"))) == "other"
        with pytest.raises(TokenRefusedError):
            await ask(search.on_behalf_of("bad"))

    asyncio.run(work())


def test_a_token_for_somebody_is_not_used_for_long_and_not_many_are_kept(tmp_path, provider):
    search = clients(tmp_path, provider.issuer, exchange_seconds=30, max_subjects=5)["search"]

    async def work():
        clock = Time(search)
        provider.expires_in = 3_000
        first = await ask(search.on_behalf_of("ana"))
        clock.ahead = 31
        assert await ask(search.on_behalf_of("ana")) != first
        for number in range(20):
            await ask(search.on_behalf_of(f"s{number}"))
        assert len(search._cache) == 5

    asyncio.run(work())


# --- where a token goes


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/", "https://search.internal.evil.example/", "http://search.internal/",
        "https://search.internal:8443/", "https://evil.example@search.internal:1/", "https://search.internal@evil.example/",
        "//search.internal/", "search.internal", "https:///x", "", "https://[::1/",
    ],
)  # fmt: skip
def test_a_token_is_sent_where_it_was_declared_to_and_nowhere_else(search, url):
    with pytest.raises(TargetError) as caught:
        asyncio.run(search.headers("GET", url))
    assert caught.value.code == "client.target"
    assert asyncio.run(search.headers("GET", "https://SEARCH.internal:443/x?y"))


def test_httpx_sends_nothing_to_another_host(search):
    sent = []

    async def answer(request):
        sent.append(request)
        if request.url.host == "search.internal" and request.url.path == "/away":
            return httpx.Response(302, headers={"location": "https://evil.example/"})
        return httpx.Response(200)

    async def work():
        transport = httpx.MockTransport(answer)
        async with httpx.AsyncClient(transport=transport, auth=search.auth(), follow_redirects=True) as http:
            assert (await http.get(f"{TARGET}/a")).status_code == 200
            with pytest.raises(TargetError):
                await http.get("https://evil.example/")
            await http.get(f"{TARGET}/away")

    asyncio.run(work())
    for request in sent:
        assert ("authorization" in request.headers) == (request.url.host == "search.internal")


def test_a_token_that_was_revoked_is_replaced_once(search, provider):
    refused = set()
    asked = []

    async def answer(request):
        token = request.headers["authorization"]
        asked.append(token)
        if token in refused:
            return httpx.Response(
                401, headers={"www-authenticate": 'Bearer realm="x", error="invalid_token"'}
            )
        return httpx.Response(200, content=await request.aread())

    async def work():
        clock = Time(search)
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer), auth=search.auth()) as http:
            await http.post(f"{TARGET}/a", content=b"body")
            refused.update(asked)
            assert (await http.post(f"{TARGET}/a", content=b"body")).status_code == 401, (
                "it is young: that is no age"
            )
            clock.ahead = 10
            answered = await http.post(f"{TARGET}/a", content=b"body")
            assert (answered.status_code, answered.content) == (200, b"body")

    asyncio.run(work())
    assert provider.grants["client_credentials"] == 2


# --- with a real provider, to a real gateway


def pem(key):
    return key.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    folder = tmp_path_factory.mktemp("provider")
    key = SigningKey.new("ES256", "docs-key")
    (folder / "docs.pem").write_bytes(pem(key))
    (folder / "weak.pem").write_text("-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n")
    signing = {
        "client_id": "signer", "grant_types": ["client_credentials", EXCHANGE], "redirect_uris": [], "response_types": [],
        "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key.public()]},
        "id_token_signed_response_alg": "ES256",
    }  # fmt: skip
    with openidprovider.openid_provider(folder, clients=[signing]) as provider:
        yield folder, provider


def protected(folder, provider, port):
    """A service behind our own gateway, which wants DPoP proofs with a nonce, and tells who called it."""
    section = {
        "tokens": {
            "insecure_loopback": True, "dpop": {"nonce": True},
            "issuers": [{"issuer": provider.issuer, "audiences": [openidprovider.JWT]}],
        },
        "access": {"routes": [{"path": "/who", "methods": ["*"], "authenticated": True}]},
    }  # fmt: skip
    path = folder / f"service-{port}.yaml"
    path.write_text(json.dumps({"gateway": section}))
    app = FastAPI(openapi_url=None)
    app.add_middleware(GatewayMiddleware, gateway=Gateway.from_file(path))

    @app.get("/who")
    @app.post("/who")
    def who(caller: Annotated[Principal, Depends(principal)]):
        return {"client": caller.client_id, "subject": caller.subject, "bound": caller.bound}

    return app


@pytest.mark.servers
def test_client_credentials_by_a_signature_bound_to_a_key_with_a_nonce(real):
    folder, provider = real
    port = servers.free_port()
    url = f"http://127.0.0.1:{port}"
    search = clients(
        folder, provider.issuer, client={"id": "signer", "key": {"file": "docs.pem"}, "key_id": "docs-key"},
        targets=[url], dpop=True, scopes=["docs:read"], resource=[openidprovider.JWT],
    )["search"]  # fmt: skip

    async def work():
        async with httpx.AsyncClient(auth=search.auth(), timeout=60) as http:

            async def streamed():
                yield b"part"

            first = await http.post(f"{url}/who", content=streamed())
            assert first.status_code == 401, "a nonce is wanted, and what streams is not sent twice"
            found = [await http.get(f"{url}/who?a=b") for _ in range(3)]
            found.append(await http.post(f"{url}/who", json={}))
            return [(answer.status_code, answer.json()) for answer in found]

    with portals.served(protected(folder, provider, port), port=port):
        for status, said in asyncio.run(work()):
            assert (status, said) == (200, {"client": "signer", "subject": "signer", "bound": True})


@pytest.mark.servers
def test_on_behalf_of_who_calls_us(real):
    folder, provider = real
    port = servers.free_port()
    url = f"http://127.0.0.1:{port}"
    search = clients(
        folder, provider.issuer, client={"id": "signer", "key": {"file": "docs.pem"}, "key_id": "docs-key"},
        targets=[url], audience=openidprovider.JWT,
    )["search"]  # fmt: skip

    async def work():
        async with httpx.AsyncClient(timeout=60) as http:
            with pytest.raises(TokenRefusedError) as caught:
                await http.get(f"{url}/who", auth=search.on_behalf_of("nobody's token").auth())
            assert caught.value.reason == "invalid_grant"

    with portals.served(protected(folder, provider, port), port=port):
        asyncio.run(work())


@pytest.mark.parametrize(
    ("client", "reason"),
    [
        ({"id": "signer", "key": {"file": "weak.pem"}}, "no PEM of an unencrypted private key"),
        ({"id": "signer", "key": {"file": "docs.pem"}, "key_algorithm": "RS256"}, "does not sign by RS256"),
        ({"id": "signer", "key": {"file": "nothing.pem"}}, "cannot be read"),
    ],
)
def test_a_key_that_does_not_sign_is_told_without_the_key(real, client, reason):
    folder, provider = real
    with pytest.raises(UsageError, match=reason) as caught:
        asyncio.run(clients(folder, provider.issuer, client=client)["search"].headers("GET", TARGET))
    assert caught.value.code == "gateway.secret"
    assert "canary" not in str(caught.value)


def test_who_is_not_named(search, tmp_path, provider):
    with pytest.raises(UsageError) as caught:
        clients(tmp_path, provider.issuer)["serach"]
    assert (caught.value.code, caught.value.hint) == ("client.unknown", "it names: search")


def test_the_token_of_who_calls(tmp_path, provider):
    """From the request, or from a session; on a public route there is none."""
    provider.client, provider.claims = ("portal", "secret+of/portal"), {"groups": ["staff"]}
    tokens = {
        "issuers": [{"issuer": provider.issuer, "audiences": [provider.audience]}],
        "insecure_loopback": True,
    }
    access = {
        "routes": [
            {"path": "/token", "methods": ["GET"], "authenticated": True},
            {"path": "/open", "methods": ["GET"], "public": True},
        ]
    }
    path = portals.configured(tmp_path / "site", provider, gateway={"tokens": tokens, "access": access})
    portal = portals.Portal(path, provider)
    found = []

    @portal.app.get("/token")
    @portal.app.get("/open")
    async def token(subject: Annotated[SubjectToken, Depends(subject_token)]):
        found.append(subject)
        return str(subject)

    with portal.client:
        bearer = provider.mint()
        portal.client.get("/token", headers={"authorization": f"Bearer {bearer}"})
        assert found.pop().value == bearer
        provider.tokens = {"access_token": "of-the-session"}
        portal.log_in()
        answer = portal.client.get("/token", headers=portals.SCRIPT)
        assert found.pop().value == "of-the-session"
        assert "of-the-session" not in answer.text
        with pytest.raises(GuaritaError, match="brought no access token"):
            portal.client.get("/open", headers=portals.SCRIPT)
