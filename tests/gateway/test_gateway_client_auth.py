"""How a client of ours says who it is, and what it makes of a token endpoint's answer."""

import asyncio
import base64
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from guarita.errors import UsageError
from guarita.gateway.oauth.clientauth import ASSERTION, Client
from guarita.gateway.oauth.prover import Prover
from guarita.gateway.oauth.tokenendpoint import GrantRefusedError, GrantUnavailableError, TokenEndpoint
from guarita.gateway.outbound import Outbound
from guarita.gateway.testing.provider import LocalProvider

ISSUER = "https://id.example"
FORM = {"grant_type": "client_credentials"}


def pem(key, password=None):
    sealed = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed).decode()


def test_by_a_secret():
    form, headers = Client("a:b/ü", lambda: "s+c r%t").identify(FORM)
    assert form == FORM
    pair = base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode()
    assert pair == "a%3Ab%2F%C3%BC:s%2Bc+r%25t", "both are encoded as in a form (RFC 6749 section 2.3.1)"
    form, headers = Client("a", lambda: "s", "client_secret_post").identify(FORM)
    assert (form, headers) == (FORM | {"client_id": "a", "client_secret": "s"}, {})


def test_by_its_name_alone():
    assert Client("a", method="none").identify(FORM) == (FORM | {"client_id": "a"}, {})


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (rsa.generate_private_key(65537, 2048), "RS256"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ec.generate_private_key(ec.SECP384R1()), "ES384"),
        (ec.generate_private_key(ec.SECP521R1()), "ES512"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_by_a_signature_for_this_issuer_alone(key, algorithm):
    client = Client("a", lambda: pem(key), "private_key_jwt", audience=ISSUER, key_id="k1")
    made = [client.identify(FORM)[0] for _ in range(2)]
    claims = []
    for form in made:
        assert form["client_assertion_type"] == ASSERTION
        assert jwt.get_unverified_header(form["client_assertion"]) == {
            "alg": algorithm,
            "typ": "JWT",
            "kid": "k1",
        }
        claims.append(
            jwt.decode(
                form["client_assertion"],
                key.public_key(),
                [algorithm],
                audience=ISSUER,
                issuer="a",
                subject="a",
            )
        )
    assert claims[0]["jti"] != claims[1]["jti"], "each counts once (RFC 7523 section 3)"
    assert 0 < claims[0]["exp"] - claims[0]["iat"] <= 60
    assert abs(claims[0]["iat"] - time.time()) < 60


@pytest.mark.parametrize(
    ("text", "algorithm"),
    [
        ("canary", ""),
        (pem(ec.generate_private_key(ec.SECP256R1()), b"password"), ""),
        (pem(rsa.generate_private_key(65537, 1024)), ""),
        (pem(ec.generate_private_key(ec.SECP256K1())), ""),
        (pem(ed448.Ed448PrivateKey.generate()), ""),
        (pem(ec.generate_private_key(ec.SECP256R1())), "RS256"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "EdDSA"),
        (pem(rsa.generate_private_key(65537, 2048)), "ES256"),
    ],
    ids=range(8),
)
def test_keys_that_do_not_sign(text, algorithm):
    with pytest.raises(UsageError) as caught:
        Client("a", lambda: text, "private_key_jwt", audience=ISSUER, algorithm=algorithm).identify(FORM)
    assert caught.value.code == "gateway.secret"
    assert "canary" not in str(caught.value)


def test_a_key_of_ours_proves_by_the_same_name():
    key = ec.generate_private_key(ec.SECP256R1())
    assert Prover(pem(key)).thumbprint == Prover(pem(key)).thumbprint != Prover().thumbprint
    assert Prover().proof("GET", "https://a.example/b?c#d").count(".") == 2


@pytest.fixture
def provider():
    with LocalProvider() as running:
        yield running


def asked(provider, *, prover=None):
    name, secret = provider.client
    endpoint = TokenEndpoint(
        provider.issuer, f"{provider.issuer}/token", Client(name, lambda: secret),
        Outbound(timeout=2, insecure_loopback=True), prover=prover,
    )  # fmt: skip
    return asyncio.run(endpoint.ask(FORM))


def test_a_token_that_is_not_bound_as_it_was_asked_for_is_not_used(provider):
    assert asked(provider).type == "Bearer"
    with pytest.raises(GrantUnavailableError, match="not bound to our key"):
        asked(provider, prover=Prover())
    provider.tokens = {"token_type": "dPoP"}
    assert asked(provider, prover=Prover()).type == "DPoP"
    with pytest.raises(GrantUnavailableError, match="a type that was not asked for"):
        asked(provider)


def test_a_nonce_that_never_comes_is_not_asked_for_for_ever(provider):
    provider.refuses = "use_dpop_nonce"
    with pytest.raises(GrantRefusedError) as caught:
        asked(provider, prover=Prover())
    assert caught.value.reason == "use_dpop_nonce"
    assert len(provider.asked) == 2


def test_scopes_and_times_are_bounded(provider):
    for tokens in (
        {"scope": " ".join(f"s{n}" for n in range(600))},
        {"expires_in": 4e9},
        {"access_token": "a" * 70_000},
    ):
        provider.tokens = tokens
        with pytest.raises(GrantUnavailableError):
            asked(provider)
    provider.tokens = {"scope": "", "expires_in": 0.5}
    assert asked(provider).scopes == frozenset()
