"""DPoP proofs: RFC 9449 section 4.3 point by point, and what clients are told."""

import asyncio
import dataclasses
import hashlib
import json
import time

import pytest
import redis as client
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from guarita.config.gateway_limits import RedisSection
from guarita.errors import UsageError
from guarita.gateway import Gateway, GatewayMiddleware
from guarita.gateway.interface import Request
from guarita.gateway.keys.jwks import parse_key
from guarita.gateway.keys.thumbprint import encoded, thumbprint
from guarita.gateway.oauth.binding import Binding
from guarita.gateway.oauth.challenges import Challenger
from guarita.gateway.oauth.dpop import NonceNeededError, ProofBounds, ProofVerifier
from guarita.gateway.oauth.nonces import Nonces
from guarita.gateway.oauth.presented import BEARER, DPOP, Presented
from guarita.gateway.oauth.replay import MemoryReplayStore, RedisReplayStore
from guarita.gateway.refusal import RefusalError, UndecidedError
from guarita.gateway.testing.signing import SigningKey, b64

TOKEN = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
KEYS = {name: SigningKey.new(name) for name in ("ES256", "EdDSA", "RS256")}
KEY = KEYS["ES256"]
URL = "https://api.example.com/docs/42"


def request(*proofs, method="GET", path="/docs/42", host="api.example.com", scheme="https"):
    return Request(method, path, [(b"dpop", proof.encode()) for proof in proofs], scheme=scheme, host=host)


def check(verifier, asked, token=TOKEN, bound_to=KEY.thumbprint):
    asyncio.run(verifier.check(asked, token.encode(), bound_to))


def code(*arguments, **options):
    with pytest.raises(RefusalError) as caught:
        check(*arguments, **options)
    return caught.value.code


def proof(key=KEY, **changes):
    return key.proof("GET", URL, TOKEN, **changes)


def test_the_examples_of_the_specification():
    member = {
        "kty": "EC",
        "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        "crv": "P-256",
    }  # RFC 9449, figures 2 and 9
    assert thumbprint(parse_key(member).key) == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
    assert encoded(hashlib.sha256(TOKEN.encode()).digest()) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_right_proof_counts_once(key):
    verifier = ProofVerifier()
    made = proof(key)
    check(verifier, request(made), bound_to=key.thumbprint)
    assert code(verifier, request(made), bound_to=key.thumbprint) == "dpop.replay"
    check(verifier, request(proof(key)), bound_to=key.thumbprint)


NOW = int(time.time())


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"header": {"typ": "JWT"}}, "dpop.type"),
        ({"header": {"typ": ...}}, "dpop.type"),
        ({"header": {"alg": "none"}}, "dpop.algorithm"),
        ({"header": {"alg": "HS256"}}, "dpop.algorithm"),
        ({"header": {"alg": "EdDSA"}}, "dpop.key"),
        ({"header": {"alg": "ES384"}}, "dpop.algorithm"),
        ({"header": {"jwk": ...}}, "dpop.key"),
        ({"header": {"jwk": "x"}}, "dpop.key"),
        ({"header": {"jwk": KEYS["EdDSA"].jwk()}}, "dpop.key"),
        ({"header": {"jwk": {**KEY.jwk(), "d": "AA"}}}, "dpop.key"),
        ({"header": {"jwk": {"kty": "oct", "k": "AAAA"}}}, "dpop.key"),
        ({"header": {"jwk": SigningKey.new().jwk()}}, "dpop.signature"),
        ({"header": {"jku": "https://evil.example"}}, "dpop.format"),
        ({"header": {"crit": ["x"]}}, "dpop.format"),
        ({"htm": "POST"}, "dpop.method"),
        ({"htm": "get"}, "dpop.method"),
        ({"htm": ...}, "dpop.method"),
        ({"htm": ["GET"]}, "dpop.method"),
        ({"htu": ...}, "dpop.target"),
        ({"htu": 1}, "dpop.target"),
        ({"htu": "/docs/42"}, "dpop.target"),
        ({"htu": "http://api.example.com/docs/42"}, "dpop.target"),
        ({"htu": "https://api.example.com:8443/docs/42"}, "dpop.target"),
        ({"htu": "https://evil.example/docs/42"}, "dpop.target"),
        ({"htu": "https://api.example.com@evil.example/docs/42"}, "dpop.target"),
        ({"htu": "https://user@api.example.com/docs/42"}, "dpop.target"),
        ({"htu": "https://api.example.com/docs/42/"}, "dpop.target"),
        ({"htu": "https://api.example.com/docs/../docs/42"}, "dpop.target"),
        ({"htu": "https://api.example.com/docs%2F42"}, "dpop.target"),
        ({"htu": "https://api.example.com:x/docs/42"}, "dpop.target"),
        ({"htu": "https://api.example.com"}, "dpop.target"),
        ({"iat": ...}, "dpop.claim"),
        ({"iat": str(NOW)}, "dpop.claim"),
        ({"iat": True}, "dpop.claim"),
        ({"iat": NOW - 3600}, "dpop.time"),
        ({"iat": NOW + 3600}, "dpop.time"),
        ({"ath": ...}, "dpop.token"),
        ({"ath": b64(hashlib.sha256(b"another").digest())}, "dpop.token"),
        ({"ath": 1}, "dpop.token"),
        ({"ath": "é"}, "dpop.token"),
        ({"jti": ...}, "dpop.claim"),
        ({"jti": ""}, "dpop.claim"),
        ({"jti": 7}, "dpop.claim"),
        ({"jti": "x" * 600}, "dpop.claim"),
    ],
)
def test_each_point_of_the_specification(changes, wanted):
    verifier = ProofVerifier()
    assert code(verifier, request(proof(**changes))) == wanted
    check(verifier, request(proof()))


@pytest.mark.parametrize(
    ("htu", "asked"),
    [
        (URL, {}),
        ("HTTPS://API.Example.COM/docs/42", {}),
        (URL + "?page=2#top", {}),
        ("https://api.example.com:443/docs/42", {}),
        (URL, {"host": "API.example.com:443"}),
        ("https://api.example.com/%64ocs/42", {}),
        ("https://api.example.com/caf%C3%A9", {"path": "/café"}),
        ("https://api.example.com", {"path": "/"}),
        ("http://127.0.0.1:8000/docs/42", {"scheme": "http", "host": "127.0.0.1:8000"}),
        ("https://[::1]/docs/42", {"host": "[::1]"}),
    ],
)
def test_spellings_of_the_same_address(htu, asked):
    check(ProofVerifier(), request(proof(htu=htu), **asked))


@pytest.mark.parametrize("garbage", ["", "x", "a.b.c", "..", "e30.e30.AA", "x" * 9000])
def test_what_is_no_proof(garbage):
    assert code(ProofVerifier(), request(garbage)) == "dpop.format"


def test_none_and_two():
    assert code(ProofVerifier(), request()) == "dpop.missing"
    assert code(ProofVerifier(), request(proof(), proof())) == "request.repeated-header"


def test_another_key_than_the_tokens():
    assert code(ProofVerifier(), request(proof(KEYS["EdDSA"]))) == "dpop.binding"


@pytest.mark.parametrize(
    ("age", "wanted"), [(0, None), (60, None), (61, "dpop.time"), (-5, None), (-6, "dpop.time")]
)
def test_the_window(age, wanted):
    verifier = ProofVerifier(now=lambda: float(NOW), bounds=ProofBounds(max_age=60, leeway=5))
    asked = request(proof(iat=NOW - age))
    assert (code(verifier, asked) if wanted else check(verifier, asked)) == wanted


@given(age=st.integers(-5, 60), later=st.floats(0, 70))
@settings(max_examples=60, deadline=None)
def test_no_proof_ever_counts_twice(age, later):
    """However old it comes, and however much later it comes again."""
    at = [1_800_000_000.0]
    verifier = ProofVerifier(now=lambda: at[0], replay=MemoryReplayStore(clock=lambda: at[0]))
    made = proof(iat=1_800_000_000 - age)
    check(verifier, request(made))
    at[0] += later
    assert code(verifier, request(made)) in {"dpop.replay", "dpop.time"}


def test_the_store_is_bounded_and_lets_nobody_through_when_full():
    at = [0.0]
    store = MemoryReplayStore(size=3, clock=lambda: at[0])

    async def fill():
        assert [await store.first_use(b"%d" % n, 10) for n in (1, 2, 3, 1)] == [True, True, True, False]
        with pytest.raises(UndecidedError) as caught:
            await store.first_use(b"4", 10)
        assert (caught.value.code, caught.value.status) == ("dpop.replay-unavailable", 503)
        at[0] = 10
        assert await store.first_use(b"4", 10)
        assert len(store) == 1

    asyncio.run(fill())


def shared(redis):
    return RedisReplayStore(RedisSection(url=redis.url), None, timeout=10)


@pytest.mark.servers
def test_processes_share_what_was_used(redis):
    async def run():
        stores = [shared(redis), shared(redis)]
        one, two = (ProofVerifier(replay=store) for store in stores)
        made = proof()
        results = await asyncio.gather(
            *(one_of.check(request(made), TOKEN.encode(), KEY.thumbprint) for one_of in (one, two, one, two)),
            return_exceptions=True,
        )
        assert sorted(getattr(result, "code", "accepted") for result in results) == [
            "accepted", "dpop.replay", "dpop.replay", "dpop.replay",
        ]  # fmt: skip
        with client.Redis.from_url(redis.url) as connection:
            (name,) = connection.keys("guarita:dpop:*")
            assert 0 < connection.pttl(name) <= 61_000
        for store in stores:
            await store.aclose()

    asyncio.run(run())


@pytest.mark.servers
@pytest.mark.parametrize("how", ["killed", "hanging"])
def test_a_shared_store_that_is_gone_lets_nobody_through(redis, how):
    async def run():
        store = RedisReplayStore(RedisSection(url=redis.url), None, timeout=5)
        verifier = ProofVerifier(replay=store)
        await verifier.check(request(proof()), TOKEN.encode(), KEY.thumbprint)
        store._timeout = 0.3
        (redis.pause if how == "hanging" else redis.kill)()
        for _ in range(3):
            with pytest.raises(UndecidedError) as caught:
                await verifier.check(request(proof()), TOKEN.encode(), KEY.thumbprint)
            assert (caught.value.code, caught.value.status) == ("dpop.replay-unavailable", 503)
            assert str(redis.port) not in str(caught.value)
        if how == "hanging":
            redis.resume()
        else:
            redis.start()
        store._timeout = 5
        for _ in range(600):
            try:
                await verifier.check(request(proof()), TOKEN.encode(), KEY.thumbprint)
                break
            except UndecidedError:
                await asyncio.sleep(0.05)
        else:
            pytest.fail("it is not asked again")
        await store.aclose()

    asyncio.run(run())


@pytest.mark.servers
def test_a_proof_counts_once_in_all_processes_of_a_service(tmp_path, redis, local_issuer):
    """As guarita.yaml says: two processes, one Redis, and what becomes of proofs without it."""
    section = {
        "redis": {"url": redis.url},
        "tokens": {
            "insecure_loopback": True, "dpop": {"replay_store": "redis", "replay_timeout": 5},
            "issuers": [{"issuer": local_issuer.issuer, "audiences": [local_issuer.audience]}],
        },
        "access": {"routes": [{"path": "/docs", "methods": ["GET"], "authenticated": True}]},
    }  # fmt: skip
    path = tmp_path / "guarita.yaml"
    path.write_text(json.dumps({"gateway": section}))

    async def docs(request):
        return PlainTextResponse("docs")

    processes = [
        TestClient(GatewayMiddleware(Starlette(routes=[Route("/docs", docs)]), Gateway.from_file(path)))
        for _ in range(2)
    ]
    token = local_issuer.mint(cnf={"jkt": KEY.thumbprint})

    def headers():
        return {"authorization": f"DPoP {token}", "dpop": KEY.proof("GET", "http://testserver/docs", token)}

    with processes[0], processes[1]:
        once = headers()
        assert processes[0].get("/docs", headers=once).status_code == 200
        assert processes[1].get("/docs", headers=once).json()["code"] == "dpop.replay"
        assert processes[1].get("/docs", headers=headers()).status_code == 200
        redis.kill()
        answer = processes[0].get("/docs", headers=headers())
        assert (answer.status_code, answer.json()["code"]) == (503, "dpop.replay-unavailable")
        plain = {"authorization": f"Bearer {local_issuer.mint()}"}
        assert processes[0].get("/docs", headers=plain).status_code == 200, "nobody else needs it"
    del section["redis"]
    path.write_text(json.dumps({"gateway": section}))
    with pytest.raises(UsageError) as caught:
        Gateway.from_file(path)
    assert caught.value.code == "dpop.redis"


def test_nonces():
    at = [float(NOW)]
    nonces = Nonces(b"x" * 32, period=300)
    verifier = ProofVerifier(nonces=nonces, now=lambda: at[0], bounds=ProofBounds(max_age=10_000))
    with pytest.raises(NonceNeededError) as caught:
        check(verifier, request(proof(iat=NOW)))
    given_nonce = caught.value.nonce
    assert (caught.value.code, caught.value.error) == ("dpop.nonce", "use_dpop_nonce")
    check(verifier, request(proof(iat=NOW, nonce=given_nonce)))
    at[0] += 300
    check(verifier, request(proof(iat=NOW, nonce=given_nonce)))
    at[0] += 300
    for wrong in (given_nonce, Nonces(b"y" * 32).current(at[0]), 1, "", "é"):
        assert code(verifier, request(proof(iat=NOW, nonce=wrong))) == "dpop.nonce"
    assert Nonces(b"x" * 32).accepts(nonces.current(at[0]), at[0])  # another process of the same service
    with pytest.raises(ValueError, match="32"):
        Nonces(b"short")


def test_what_clients_are_told():
    challenger = Challenger(
        "docs", ("ES256", "EdDSA"), resource_metadata="https://api.example.com/.well-known/x"
    )
    tail = 'resource_metadata="https://api.example.com/.well-known/x"'
    algs = 'algs="ES256 EdDSA"'
    assert challenger.plain() == (f'Bearer realm="docs", {tail}', f'DPoP realm="docs", {algs}, {tail}')
    with pytest.raises(RefusalError) as caught:
        check(ProofVerifier(), request(proof(htm="POST")))
    assert [line.decode() for _, line in challenger.refused(caught.value, DPOP)] == [
        (
            'DPoP realm="docs", error="invalid_dpop_proof", '
            f'error_description="the DPoP proof is for another method", {algs}, {tail}'
        ),
        f'Bearer realm="docs", {tail}',
    ]
    only = Challenger('a"b\\c\n', ("ES256",), dpop_only=True)
    assert only.plain() == ('DPoP realm="a\'b/c?", algs="ES256"',)


@pytest.mark.parametrize(
    ("scheme", "cnf", "wanted"),
    [
        (BEARER, {"jkt": KEY.thumbprint}, "dpop.required"),
        (DPOP, {}, "dpop.unbound"),
        (DPOP, {"x5t#S256": "x"}, "certificate.missing"),
        (DPOP, {"jkt": KEY.thumbprint, "x5t#S256": "x"}, "certificate.missing"),
        (DPOP, {"jkt": KEY.thumbprint, "other": "x"}, "token.confirmation"),
        (DPOP, {"jkt": KEY.thumbprint}, None),
    ],
)
def test_scheme_and_binding_go_together(scheme, cnf, wanted):
    async def run():
        await Binding(ProofVerifier()).check(Presented(scheme, TOKEN.encode()), cnf, request(proof()))

    if wanted is None:
        asyncio.run(run())
    else:
        with pytest.raises(RefusalError) as caught:
            asyncio.run(run())
        assert (caught.value.code, caught.value.error) == (wanted, "invalid_token")


@pytest.mark.parametrize(
    ("websocket", "scheme", "right"),
    [
        (True, "https", True),
        (True, "wss", True),
        (True, "ws", False),
        (True, "http", False),
        (False, "wss", False),
    ],
)
def test_a_sockets_handshake_goes_by_both_names(websocket, scheme, right):
    asked = dataclasses.replace(
        request(KEY.proof("GET", f"{scheme}://api.example.com/docs/42", TOKEN)), websocket=websocket
    )
    if right:
        check(ProofVerifier(), asked)
    else:
        assert code(ProofVerifier(), asked) == "dpop.target"
