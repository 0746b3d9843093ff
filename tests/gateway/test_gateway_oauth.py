"""Discovery, introspection, certificates, metadata, and the configuration that joins them."""

import asyncio
import base64
import datetime as dt
import hashlib
import json
import time
import urllib.parse

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from guarita.config import parse
from guarita.errors import GuaritaError, UsageError
from guarita.gateway.core import Gateway
from guarita.gateway.interface import Request
from guarita.gateway.oauth import certificates
from guarita.gateway.oauth.build import token_parts
from guarita.gateway.oauth.discovery import Discovery, DiscoveryError, well_known
from guarita.gateway.oauth.introspection import Client, IntrospectionAuthenticator, IntrospectionBounds
from guarita.gateway.oauth.resource import ProtectedResource
from guarita.gateway.outbound import Outbound
from guarita.gateway.refusal import RefusalError
from guarita.gateway.testing import LocalIssuer, as_principal
from guarita.gateway.testing.signing import SigningKey, b64

OUTBOUND = Outbound(insecure_loopback=True)


def bearer(token, **more):
    return Request("GET", "/docs", [(b"authorization", f"Bearer {token}".encode())], **more)


def run(awaitable):
    async def awaited():
        return await awaitable

    return asyncio.run(awaited())


def refused(authenticator, request):
    with pytest.raises(RefusalError) as caught:
        run(authenticator.authenticate(request))
    return caught.value


# --- discovery


@pytest.mark.parametrize(
    ("issuer", "wanted"),
    [
        ("https://a.example", ("https://a.example/.well-known/openid-configuration",
                               "https://a.example/.well-known/oauth-authorization-server")),
        ("https://a.example/", ("https://a.example/.well-known/openid-configuration",
                                "https://a.example/.well-known/oauth-authorization-server")),
        ("https://a.example/t/1", ("https://a.example/t/1/.well-known/openid-configuration",
                                   "https://a.example/.well-known/oauth-authorization-server/t/1")),
    ],
)  # fmt: skip
def test_where_metadata_are(issuer, wanted):
    assert well_known(issuer) == wanted


@pytest.mark.parametrize("path", ["", "/tenant"])
def test_endpoints_are_found_and_kept(path):
    with LocalIssuer(path=path) as issuer:
        at = [0.0]
        discovery = Discovery(issuer.issuer, OUTBOUND, clock=lambda: at[0])
        assert run(discovery.jwks_uri()) == issuer.jwks_uri
        assert run(discovery.introspection_endpoint()) == issuer.introspection_endpoint
        assert sum(issuer.requests.values()) == 1
        issuer.fault = "500"
        at[0] = 3600
        assert run(discovery.jwks_uri()) == issuer.jwks_uri
        assert sum(issuer.requests.values()) == 2


def test_the_second_place_is_asked_where_the_first_is_empty():
    with LocalIssuer(path="/tenant") as issuer:
        issuer.fault, issuer.faulty = "404", frozenset({"/tenant/.well-known/openid-configuration"})
        assert run(Discovery(issuer.issuer, OUTBOUND).jwks_uri()) == issuer.jwks_uri
        assert issuer.requests["/.well-known/oauth-authorization-server/tenant"] == 1


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("lie", "discovery.issuer"),
        ("500", "discovery.unavailable"),
        ("404", "discovery.unavailable"),
        ("redirect", "discovery.unavailable"),
        ("huge", "discovery.unavailable"),
        ("not-json", "discovery.unavailable"),
        ("empty", "discovery.unavailable"),
    ],
)
def test_metadata_that_are_not_believed(local_issuer, fault, code):
    local_issuer.fault = fault
    with pytest.raises(DiscoveryError) as caught:
        run(Discovery(local_issuer.issuer, OUTBOUND).jwks_uri())
    assert (caught.value.code, caught.value.status) == (code, 503)


@pytest.mark.parametrize(
    "uri", ["http://issuer.example/jwks", "file:///etc/passwd", 7, "https://u:p@x/", None]
)
def test_an_issuer_does_not_send_us_anywhere(local_issuer, uri):
    local_issuer.jwks_uri = uri
    with pytest.raises(DiscoveryError) as caught:
        run(Discovery(local_issuer.issuer, OUTBOUND).jwks_uri())
    assert caught.value.code == "discovery.endpoint"


@pytest.mark.parametrize(
    "issuer", ["http://issuer.example", "https://issuer.example?x=1", "https://issuer.example#x", "x"]
)
def test_identifiers_that_are_none(issuer):
    with pytest.raises(UsageError):
        Discovery(issuer, OUTBOUND)


# --- introspection


class Asking:
    def __init__(self, issuer, *, timeout=5.0, method="client_secret_basic", secret=None, **options):
        self.at = time.time()
        self.ticks = 0.0
        self.authenticator = IntrospectionAuthenticator(
            issuer.issuer,
            issuer.introspection_endpoint,
            Client(issuer.client[0], secret or (lambda: issuer.client[1]), method),
            Outbound(timeout=timeout, insecure_loopback=True),
            audiences=[issuer.audience],
            now=lambda: self.at,
            clock=lambda: self.ticks,
            **options,
        )

    def who(self, token, **more):
        return run(self.authenticator.authenticate(bearer(token, **more)))

    def code(self, token, **more):
        refusal = refused(self.authenticator, bearer(token, **more))
        assert token not in f"{refusal!r} {refusal.__cause__!r}"
        return refusal.code

    def pass_time(self, seconds):
        self.at += seconds
        self.ticks += seconds


def asked(issuer):
    return issuer.requests["/introspect"]


def test_an_opaque_token_is_a_principal_and_asked_about_once(local_issuer):
    asking = Asking(local_issuer)
    token = local_issuer.opaque_token(scope="docs:read", jti="o-1")
    found = asking.who(token)
    assert (found.subject, found.client_id, found.credential_id) == ("user-1", "app", "o-1")
    assert (found.authenticator, found.issuer, found.scopes) == (
        "introspection",
        local_issuer.issuer,
        {"docs:read"},
    )
    assert asking.who(token) is found
    assert asked(local_issuer) == 1
    asking.pass_time(60)
    assert asking.who(token) == found
    assert asked(local_issuer) == 2


def test_many_at_once_ask_once(local_issuer):
    asking = Asking(local_issuer)
    token = local_issuer.opaque_token()

    async def many():
        return await asyncio.gather(*(asking.authenticator.authenticate(bearer(token)) for _ in range(100)))

    assert len({id(found) for found in asyncio.run(many())}) == 1
    assert asked(local_issuer) == 1


def test_an_answer_counts_no_longer_than_the_token(local_issuer):
    asking = Asking(local_issuer)
    token = local_issuer.opaque_token(exp=int(asking.at) + 20)
    assert asking.who(token)
    del local_issuer.opaque[token]
    asking.pass_time(19)
    assert asking.who(token)
    asking.pass_time(2)
    assert asking.code(token) == "introspection.inactive"


def test_what_was_refused_is_forgotten_soon(local_issuer):
    asking = Asking(local_issuer)
    token = local_issuer.opaque_token()
    answer = local_issuer.opaque.pop(token)
    assert [asking.code(token) for _ in range(3)] == ["introspection.inactive"] * 3
    assert asked(local_issuer) == 1
    local_issuer.opaque[token] = answer
    asking.pass_time(5)
    assert asking.who(token)


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ({"active": False}, "introspection.inactive"),
        ({"active": "true"}, "introspection.unavailable"),
        ({"active": ...}, "introspection.unavailable"),
        ({"active": 1}, "introspection.unavailable"),
        ({"iss": "https://other.example"}, "token.issuer"),
        ({"iss": ...}, None),
        ({"aud": "https://other.example"}, "token.audience"),
        ({"aud": ...}, "token.claim"),
        ({"aud": ["x", "https://api.example.com"]}, None),
        ({"exp": 1}, "token.expired"),
        ({"exp": "soon"}, "token.claim"),
        ({"exp": ...}, None),
        ({"nbf": 99_999_999_999}, "token.not-yet"),
        ({"sub": ...}, None),
        ({"sub": ..., "client_id": ...}, "token.claim"),
        ({"sub": ""}, "token.claim"),
        ({"token_type": ...}, "introspection.type"),
        ({"token_type": "refresh_token"}, "introspection.type"),
        ({"token_type": 1}, "introspection.type"),
        ({"token_type": "bearer"}, None),
        ({"cnf": {"jkt": "x"}, "token_type": "DPoP"}, "dpop.required"),
        ({"cnf": {"x5t#S256": "x"}}, "certificate.missing"),
        ({"cnf": []}, "token.confirmation"),
    ],
)
def test_what_an_issuer_may_answer(local_issuer, answer, wanted):
    asking = Asking(local_issuer)
    token = local_issuer.opaque_token(**answer)
    if wanted is None:
        assert asking.who(token).subject in {"user-1", "app"}
    else:
        assert [asking.code(token), asking.code(token)] == [wanted, wanted]


def test_what_may_be_missing_by_declaration(local_issuer):
    asking = Asking(local_issuer, audience_required=False, type_required=False)
    assert asking.who(local_issuer.opaque_token(aud=..., token_type=...))
    assert asking.code(local_issuer.opaque_token(aud="https://other.example")) == "token.audience"


@pytest.mark.parametrize(
    "fault", ["500", "404", "huge", "redirect", "empty", "not-json", "break", "trickle", "hang"]
)
def test_an_outage_is_503_and_asks_no_more_than_the_cooldown_allows(local_issuer, fault):
    asking = Asking(local_issuer, timeout=0.4 if fault in {"hang", "trickle"} else 5)
    kept = local_issuer.opaque_token()
    assert asking.who(kept)
    local_issuer.fault = fault
    token = local_issuer.opaque_token()
    for _ in range(3):
        refusal = refused(asking.authenticator, bearer(token))
        assert (refusal.status, refusal.code, refusal.headers) == (503, "introspection.unavailable", ())
    assert asked(local_issuer) == 2
    assert asking.who(kept)  # what is known counts until its bound
    asking.pass_time(60)
    assert asking.code(kept) == "introspection.unavailable"
    local_issuer.fault = None
    asking.pass_time(2)
    assert asking.who(token)


def test_who_we_are(local_issuer):
    token = local_issuer.opaque_token()
    for secret in (lambda: "wrong", _no_secret):
        refusal = refused(Asking(local_issuer, secret=secret).authenticator, bearer(token))
        assert (refusal.status, refusal.code) == (503, "introspection.unavailable")
        assert "wrong" not in refusal.message


def _no_secret():
    raise UsageError("gateway.secret", "the environment variable X: holds no secret on one line")


def test_tokens_in_three_parts_are_somebody_elses(local_issuer):
    assert Asking(local_issuer).who(local_issuer.mint()) is None
    assert Asking(local_issuer, takes_jwt=True).code(local_issuer.mint()) == "introspection.inactive"
    assert Asking(local_issuer).code("x" * 20_000) == "token.size"


def test_what_is_kept_is_bounded(local_issuer):
    asking = Asking(local_issuer, size=20)
    for number in range(60):
        if number % 2:
            asking.who(local_issuer.opaque_token())
        else:
            asking.code(f"unknown-{number}")
    assert len(asking.authenticator._active._held) <= 20
    assert len(asking.authenticator._refused._held) <= 20


def test_no_answer_is_kept_where_none_should_be(local_issuer):
    asking = Asking(local_issuer, bounds=IntrospectionBounds(active=0))
    token = local_issuer.opaque_token()
    asking.who(token)
    del local_issuer.opaque[token]
    assert asking.code(token) == "introspection.inactive"


# --- certificates


@pytest.fixture(scope="module")
def certificate():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "client")])
    today = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(today).not_valid_after(today + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip


def test_one_certificate_by_each_proxys_header(certificate):
    der = certificate.public_bytes(serialization.Encoding.DER)
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    wanted = b64(hashlib.sha256(der).digest())
    digest = hashlib.sha256(der).hexdigest().encode()
    inner = b"".join(pem.splitlines()[1:-1])
    assert certificates.of_der(der) == wanted
    assert certificates.of_client_cert(b":" + base64.b64encode(der) + b":") == wanted
    assert certificates.of_escaped_pem(urllib.parse.quote(pem).encode()) == wanted
    assert certificates.of_escaped_pem(inner) == wanted
    assert certificates.of_escaped_pem(urllib.parse.quote(inner).encode() + b"," + b"AAAA") == wanted
    assert certificates.of_xfcc(b'By=spiffe://a;Hash=%b;Subject="CN=a,O=\\"b;Hash=c\\""' % digest) == wanted
    forged = b"Hash=" + b"0" * 64
    assert certificates.of_xfcc(forged + b",By=x;Hash=" + digest) == wanted


@pytest.mark.parametrize(
    "read",
    [certificates.of_client_cert, certificates.of_escaped_pem, certificates.of_xfcc, certificates.of_der],
)
@given(
    value=st.binary(max_size=200) | st.sampled_from([b":AA==:", b":A:", b"Hash=00", b'Hash="', b"x" * 40_000])
)
def test_a_header_that_is_no_certificate(read, value):
    with pytest.raises(RefusalError) as caught:
        read(value)
    assert (caught.value.status, caught.value.code) == (400, "certificate.header")


def test_two_hashes_in_one_element():
    with pytest.raises(RefusalError):
        certificates.of_xfcc(b"Hash=" + b"0" * 64 + b";Hash=" + b"1" * 64)


# --- protected resource metadata


@pytest.mark.parametrize(
    ("resource", "path", "url"),
    [
        ("https://api.example.com", "/.well-known/oauth-protected-resource",
         "https://api.example.com/.well-known/oauth-protected-resource"),
        ("https://api.example.com/", "/.well-known/oauth-protected-resource",
         "https://api.example.com/.well-known/oauth-protected-resource"),
        ("https://api.example.com/docs?k=v", "/.well-known/oauth-protected-resource/docs",
         "https://api.example.com/.well-known/oauth-protected-resource/docs?k=v"),
    ],
)  # fmt: skip
def test_where_our_own_metadata_are(resource, path, url):
    found = ProtectedResource(resource)
    assert (found.path, found.url) == (path, url)
    assert json.loads(found.document()) == {"resource": resource, "bearer_methods_supported": ["header"]}


# --- the configuration


def section(issuer, **more):
    text = {
        "gateway": {
            "tokens": {
                "issuers": [{"issuer": issuer.issuer, "audiences": [issuer.audience], "roles": "roles"}],
                "introspection": {
                    "issuer": issuer.issuer, "audiences": [issuer.audience], "client_id": issuer.client[0],
                    "client_secret": {"file": "secret"},
                },
                "dpop": {"nonce": True},
                "resource": {"resource": issuer.audience, "scopes": ["docs:read"], "name": "Docs"},
                "keys_folder": "keys",
                "insecure_loopback": True,
            } | more
        }
    }  # fmt: skip
    return parse(json.dumps(text).encode(), "guarita.yaml").gateway.tokens


def test_the_configuration_makes_it_all(local_issuer, tmp_path):
    (tmp_path / "secret").write_text(local_issuer.client[1] + "\n")
    parts = token_parts(section(local_issuer), tmp_path, realm="docs")
    jwt, introspection = parts.authenticators
    found = run(jwt.authenticate(bearer(local_issuer.mint(roles=["reader"]))))
    assert (found.authenticator, found.roles) == ("jwt", {"reader"})
    opaque = local_issuer.opaque_token()
    assert run(jwt.authenticate(bearer(opaque))) is None
    assert run(introspection.authenticate(bearer(opaque))).authenticator == "introspection"
    assert [path.suffix for path in (tmp_path / "keys").iterdir()] == [".json"]
    assert json.loads(parts.resource.document()) == {
        "resource": local_issuer.audience,
        "authorization_servers": [local_issuer.issuer],
        "scopes_supported": ["docs:read"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Docs",
        "dpop_signing_alg_values_supported": ["ES256", "EdDSA", "RS256", "PS256"],
        "tls_client_certificate_bound_access_tokens": True,
    }
    at = "https://api.example.com/.well-known/oauth-protected-resource"
    assert jwt.challenges() == (
        f'Bearer realm="docs", resource_metadata="{at}"',
        f'DPoP realm="docs", algs="ES256 EdDSA RS256 PS256", resource_metadata="{at}"',
    )
    assert introspection.challenges() == jwt.challenges()
    assert Gateway(None, parts.authenticators).challenges() == list(jwt.challenges())
    assert [source.status().failure for source in parts.sources] == [""]


def test_closing_lets_go_of_connections(local_issuer, tmp_path):
    (tmp_path / "secret").write_text(local_issuer.client[1])
    gateway = Gateway(None, token_parts(section(local_issuer), tmp_path).authenticators)

    async def use():
        for authenticator in gateway._authenticators:
            await authenticator.authenticate(bearer(local_issuer.mint()))
        await gateway.aclose()
        await gateway.aclose()
        assert not gateway._authenticators[0].sources[local_issuer.issuer]._outbound._clients

    asyncio.run(use())


def test_dpop_from_the_first_request_to_the_nonce(local_issuer, tmp_path):
    (tmp_path / "secret").write_text(local_issuer.client[1])
    jwt = token_parts(section(local_issuer), tmp_path).authenticators[0]
    key = SigningKey.new("ES256")
    token = local_issuer.mint(cnf={"jkt": key.thumbprint})

    def sent(**changes):
        proof = key.proof("GET", "https://api.example.com/docs", token, **changes)
        headers = [(b"authorization", f"DPoP {token}".encode()), (b"dpop", proof.encode())]
        return Request("GET", "/docs", headers, host="api.example.com")

    refusal = refused(jwt, sent())
    names = [name for name, _ in refusal.headers]
    assert names == [b"www-authenticate", b"www-authenticate", b"dpop-nonce"]
    assert refusal.headers[0][1].startswith(
        b'DPoP realm="guarita", error="use_dpop_nonce", error_description="'
    )
    nonce = dict(refusal.headers)[b"dpop-nonce"].decode()
    request = sent(nonce=nonce)
    assert run(jwt.authenticate(request)).bound
    assert refused(jwt, request).code == "dpop.replay"
    assert refused(jwt, bearer(token)).code == "dpop.required"


@pytest.mark.parametrize(
    "more",
    [
        {"issuers": [{"issuer": "https://a.example", "audiences": []}]},
        {"issuers": [{"issuer": "https://a.example", "audiences": ["x"], "algorithms": ["HS256"]}]},
        {"issuers": [{"issuer": "https://a.example", "audiences": ["x"], "algorithms": ["none"]}]},
        {"issuers": [{"issuer": "https://a.example", "audiences": ["x"]}] * 2},
        {"issuers": [{"issuer": "https://a.example", "audiences": ["x"], "keys": {"stale": 5}}]},
        {"issuers": [{"issuer": "https://a.example", "audiences": ["x"], "audience": "x"}]},
        {"dpop": {"nonce_secret": {"env": "X"}}},
        {"dpop": {"max_age": 100_000}},
    ],
)
def test_a_configuration_that_says_too_much_or_too_little(local_issuer, more):
    with pytest.raises(GuaritaError) as caught:
        section(local_issuer, **more)
    assert caught.value.code.startswith("config.")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({}, "gateway.secret"),
        (
            {"introspection": None, "issuers": [{"issuer": "http://a.example", "audiences": ["x"]}]},
            "gateway.endpoint",
        ),
        ({"introspection": None, "insecure_loopback": False}, "gateway.endpoint"),
        (
            {"introspection": None, "dpop": {"nonce": True, "nonce_secret": {"env": "SHORT"}}},
            "gateway.secret",
        ),
    ],
)
def test_what_is_told_at_the_start(local_issuer, tmp_path, monkeypatch, more, code):
    monkeypatch.setenv("SHORT", "hunter2")
    with pytest.raises(UsageError) as caught:
        token_parts(section(local_issuer, **more), tmp_path)
    assert caught.value.code == code
    assert "hunter2" not in str(caught.value)


def test_whoever_a_test_wants():
    found = run(as_principal("ana", roles=["editor"]).authenticate(bearer("x")))
    assert (found.subject, found.roles) == ("ana", {"editor"})
