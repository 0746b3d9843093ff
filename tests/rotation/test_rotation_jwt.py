"""Signing keys: the gateway follows the published set, and no token is refused on the way."""

import functools
import http.server
import json
import secrets
import threading
import time
from dataclasses import replace as replace_parts

import jwt
import pytest
import requests
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from msgspec.structs import replace
from rotatorbenches import Bench, JwtBench
from servers import free_port
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from guarita.config.rotation import ClusterSection, RotationSection
from guarita.config.rotation_jwt import JwtSecret, KeySetPlace, TokenProbe
from guarita.gateway import Gateway, GatewayMiddleware
from guarita.gateway.keys import parse_key_set
from guarita.rotation.errors import (
    DriftError,
    FencedOutError,
    NotYetError,
    ProbeFailedError,
    StillValidError,
)
from guarita.rotation.kube import connect
from guarita.rotation.rbac import manifests
from guarita.rotation.rotators.build import build
from guarita.rotation.rotators.jwt import keys
from guarita.rotation.rotators.keymaking import pem

ALGORITHMS = ["ES256", "ES384", "RS256", "PS256", "EdDSA"]
CLAIMS = {"iss": "https://id.example.com", "aud": "https://api.example.com", "sub": "probe", "client_id": "probe",
          "scope": "docs:read"}  # fmt: skip


@pytest.fixture
def bench(bao, tmp_path):
    made = JwtBench(bao, tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_other_libraries_read_the_key_and_verify_its_tokens(algorithm):
    key = keys.make(algorithm, secrets.token_bytes)
    kid = keys.thumbprint(key)
    published = keys.jwk(key, kid, algorithm)
    token = keys.token(key, {"alg": algorithm, "kid": kid}, {"sub": "a"})
    assert jwt.decode(token, jwt.PyJWK(published).key, algorithms=[algorithm]) == {"sub": "a"}
    signed = jwt.encode({"sub": "b"}, pem(key), algorithm, headers={"kid": kid})
    assert jwt.decode(signed, jwt.PyJWK(published).key, algorithms=[algorithm]) == {"sub": "b"}
    found = parse_key_set(json.dumps({"keys": [published], "guarita": {}}).encode(), [algorithm])
    assert found.find(kid, algorithm)
    for other in ALGORITHMS:
        if other[:2] != algorithm[:2] and {other, algorithm} != {"RS256", "PS256"}:
            with pytest.raises(ValueError, match="no key"):
                keys.load(pem(key), other)


def test_the_thumbprint_is_that_of_rfc_7638():
    numbers = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj"
        "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ"
        "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK"
        "nqDKgw"
    )
    public = jwt.PyJWK({"kty": "RSA", "n": numbers, "e": "AQAB", "alg": "RS256"}).key

    class Private:
        def public_key(self):
            return public

    rsa.RSAPrivateKey.register(Private)
    assert keys.thumbprint(Private()) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


class InClusterBench(JwtBench):
    """The set in a ConfigMap, by an account that the printed Role alone allows."""

    def __init__(self, bao, folder, kube):
        self.kube = kube
        super().__init__(bao, folder)

    def prepare(self):
        where = f"{self.kube.namespace}/jwks#jwks.json"
        section = JwtSecret(
            vault=f"secret/{self.mark}", key_sets=[KeySetPlace(config_map=where)], token_lifetime_seconds=1,
            max_age_seconds=0, skew_seconds=0,
        )  # fmt: skip
        whole = RotationSection(secrets={self.name: section})
        self.kube.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount",
             "metadata": {"name": "runner", "namespace": self.kube.namespace}},
            *manifests(whole, "default", f"{self.kube.namespace}/runner"),
        )  # fmt: skip
        path = self.kube.server.kubeconfig(
            self.kube.server.token(self.kube.namespace, "runner"), namespace=self.kube.namespace
        )
        api = connect("default", ClusterSection(kubeconfig=str(path)), self.folder)
        self.parts = replace_parts(self.parts, api_of=lambda _: api)
        return section

    def valid(self):
        found = self.kube.read("configmaps", "jwks")
        return {key["kid"] for key in json.loads(found["data"]["jwks.json"])["keys"]}


def test_a_set_in_a_config_map_is_changed_and_the_rest_of_it_left(kube, bao, tmp_path):
    bench = InClusterBench(bao, tmp_path, kube)
    bench.rotate()
    kube.patch("configmaps", "jwks", {"data": {"other": "kept"}, "metadata": {"labels": {"a": "b"}}})
    for _ in range(2):
        live = bench.rotate()
        assert bench.valid() == {live.handle["kid"]}
    found = kube.read("configmaps", "jwks")
    assert found["data"]["other"] == "kept"
    assert found["metadata"]["labels"] == {"a": "b"}
    # Others who change it meanwhile are not overwritten, and a late step is refused.
    _, new = bench.begin()
    place = bench.rotator._places[0]
    api, real = place._api, place._api.replace
    meddled = []

    def meddling(path, body):
        if not meddled:
            meddled.append(1)
            kube.patch("configmaps", "jwks", {"data": {"other": "changed"}})
        return real(path, body)

    api.replace = meddling
    bench.create(new)
    assert kube.read("configmaps", "jwks")["data"]["other"] == "changed"
    late = bench.journal.late(bench.fence())
    bench.rotator.sweep([live], bench.fence())
    bench.rotator.destroy(new, bench.fence())
    with pytest.raises(FencedOutError):
        bench.rotator.create(new, late)
    assert bench.valid() == {live.handle["kid"]}
    bench.close()


def test_keys_of_others_in_the_set_stay(bench):
    bench.rotate()
    document = json.loads(bench.file.read_text())
    other = {"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "partner", "note": "theirs"}
    bench.file.write_text(json.dumps({**document, "keys": [other, *document["keys"]], "extra": 1}))
    bench.rotate()
    after = json.loads(bench.file.read_text())
    assert after["keys"][0] == other
    assert after["extra"] == 1
    assert len(after["keys"]) == 2


@pytest.mark.parametrize("text", ["[]", "{", '{"keys": {}}', '{"keys": ["a"]}'])
def test_what_is_no_key_set_is_left_as_it_is(bench, text):
    bench.file.write_text(text)
    _, new = bench.begin()
    with pytest.raises(DriftError, match="no JWK Set"):
        bench.create(new)
    assert bench.file.read_text() == text


def test_a_key_that_signs_and_is_not_published_is_named(bench):
    new = bench.rotate()
    assert not bench.rotator.check(new)
    document = json.loads(bench.file.read_text())
    bench.file.write_text(json.dumps({**document, "keys": []}))
    (problem,) = bench.rotator.check(new)
    assert problem.hinders
    assert bench.file.name in problem.message
    with pytest.raises(NotYetError):
        bench.rotator.probe(new)


def test_a_published_key_of_the_same_name_that_is_another_is_no_proof(bench):
    new = bench.rotate()
    document = json.loads(bench.file.read_text())
    other = keys.jwk(keys.make("ES256", secrets.token_bytes), new.handle["kid"], "ES256")
    bench.file.write_text(json.dumps({**document, "keys": [other]}))
    with pytest.raises(ProbeFailedError):
        bench.rotator.probe(new)


class Cached(http.server.SimpleHTTPRequestHandler):
    """Serves the folder of the key set."""

    def end_headers(self):
        self.send_header("Cache-Control", "max-age=1")
        super().end_headers()

    def log_message(self, *_):
        pass


class FollowedBench(Bench):
    """An issuer whose set is a file behind HTTP, and a real gateway that takes its tokens."""

    kind = "jwt"

    def prepare(self):
        self.set = self.folder / "jwks.json"
        self.files = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Cached, directory=self.folder)
        )
        threading.Thread(target=self.files.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.files.server_port}/jwks.json"
        configuration = {
            "gateway": {
                "tokens": {
                    "issuers": [{
                        "issuer": CLAIMS["iss"], "audiences": [CLAIMS["aud"]], "jwks_uri": self.url,
                        "algorithms": ["ES256"], "keys": {"refresh_min": 1, "refresh": 1, "cooldown": 1,
                                                          "failure_cooldown": 1, "stale": 3600},
                    }],
                    "insecure_loopback": True,
                },
                "access": {
                    "roles": {"reader": {"allow": ["docs:read"]}},
                    "bindings": [{"role": "reader", "scope": "docs:read"}],
                    "routes": [{"path": "/docs", "methods": ["GET"], "permissions": ["docs:read"]}],
                },
            }
        }  # fmt: skip
        (self.folder / "guarita.yaml").write_text(json.dumps(configuration))

        async def docs(_):
            return PlainTextResponse("read")

        app = Starlette(routes=[Route("/docs", docs)])
        app.add_middleware(GatewayMiddleware, gateway=Gateway.from_file(self.folder / "guarita.yaml"))
        self.port = free_port()
        self.server = uvicorn.Server(uvicorn.Config(app, port=self.port, log_level="critical", lifespan="on"))
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        self.service = f"http://127.0.0.1:{self.port}/docs"
        return JwtSecret(
            vault=f"secret/{self.mark}", key_sets=[KeySetPlace(file="jwks.json")], served_at=[self.url],
            max_age_seconds=1, skew_seconds=0, token_lifetime_seconds=1,
            probe=TokenProbe(url=self.service, claims=CLAIMS),
        )  # fmt: skip

    def asked(self, credential, lifetime=30):
        now = int(time.time())
        head = {"alg": credential.handle["alg"], "kid": credential.handle["kid"], "typ": "at+jwt"}
        times = {"iat": now, "exp": now + lifetime, "jti": secrets.token_hex(8)}
        key = keys.load(credential.values["private_key"], credential.handle["alg"])
        token = keys.token(key, head, {**CLAIMS, **times})
        return requests.get(
            self.service, headers={"Authorization": f"Bearer {token}"}, timeout=10
        ).status_code

    def insisted(self, step):
        for _ in range(100):
            try:
                return step()
            except NotYetError:
                time.sleep(0.1)
        raise AssertionError("it did not come about")

    def close(self):
        self.server.should_exit = True
        self.thread.join(timeout=20)
        self.files.shutdown()
        self.files.server_close()
        super().close()


@pytest.fixture
def followed(bao, tmp_path, monkeypatch):
    monkeypatch.setenv("GUARITA_LEDGER", f"sqlite:///{tmp_path}/ledger.db")
    made = FollowedBench(bao, tmp_path)
    yield made
    made.close()


def test_the_gateway_follows_and_refuses_no_token_on_the_way(followed):
    _, first = followed.begin()
    first = followed.create(first)
    followed.insisted(lambda: followed.rotator.probe(first))
    followed.publish(first)
    signer = [first]
    answers, done = [], threading.Event()

    def clients():
        while not done.is_set():
            answers.append(followed.asked(signer[0]))

    thread = threading.Thread(target=clients)
    thread.start()
    try:
        old, new = followed.begin()
        new = followed.create(new)
        proof = followed.insisted(lambda: followed.rotator.probe(new))
        assert proof.facts["status"] == 200
        time.sleep(followed.rotator.warm(new))
        followed.publish(new)
        signer[0] = new
        time.sleep(followed.rotator.overlap(old))
        followed.rotator.disable(old, followed.fence())
        refused = followed.insisted(lambda: followed.rotator.refused(old))
    finally:
        done.set()
        thread.join()
    assert (refused.kind, refused.facts["status"]) == ("login-refused", 401)
    assert len(answers) > 20
    assert set(answers) == {200}
    followed.rotator.destroy(old, followed.fence())
    # The way back: the old key's tokens are taken again once it is published.
    followed.rotator.enable(old, followed.fence())
    followed.insisted(lambda: followed.rotator.probe(old))


def test_who_verifies_nothing_is_no_proof(followed):
    async def anyone(_):
        return PlainTextResponse("read")

    port = free_port()
    app = Starlette(routes=[Route("/docs", anyone)])
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    probe = TokenProbe(url=f"http://127.0.0.1:{port}/docs", claims=CLAIMS)
    rotator = build("s", replace(followed.section, probe=probe), followed.parts)
    _, first = followed.begin()
    followed.create(first)
    _, new = followed.begin()
    new = followed.create(new)
    with pytest.raises(ProbeFailedError, match="any key"):
        rotator.probe(new)
    followed.rotator.disable(new, followed.fence())
    with pytest.raises(NotYetError):  # a cache may be what it is, for a while
        rotator.refused(new)
    document = json.loads(followed.set.read_text())
    document["guarita"]["s"]["removed"][new.handle["kid"]] -= 10_000
    followed.set.write_text(json.dumps(document))
    with pytest.raises(StillValidError):  # and then it is a fault
        rotator.refused(new)
    server.should_exit = True
    thread.join(timeout=20)


def test_the_private_key_is_never_in_what_is_published(bench):
    new = bench.rotate()
    for document in bench.sets():
        for key in document["keys"]:
            assert {"d", "p", "q", "k"}.isdisjoint(key)
        assert new.values["private_key"] not in json.dumps(document)


def test_the_set_does_not_stand_beside_the_key():
    with pytest.raises(ValueError, match="another place"):
        JwtSecret(vault="secret/a", key_sets=[KeySetPlace(vault="secret/a#jwks")], token_lifetime_seconds=1)
    for places in ({}, {"vault": "secret/b#c", "file": "d"}):
        with pytest.raises(ValueError, match="one of"):
            KeySetPlace(**places)
