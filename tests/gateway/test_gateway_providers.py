"""Tokens of two real providers: a certified OpenID provider, and OpenBao."""

import asyncio
import json
import time

import hvac
import openidprovider
import pytest
import servers
from openidprovider import JWT, OPAQUE

from guarita.config import parse
from guarita.gateway.interface import Request
from guarita.gateway.oauth.build import token_parts
from guarita.gateway.refusal import RefusalError
from guarita.gateway.testing.signing import SigningKey

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    with openidprovider.openid_provider(tmp_path_factory.mktemp("provider")) as running:
        yield running


def gateway(issuer, folder, **more):
    """The authenticators for an issuer, as guarita.yaml makes them."""
    (folder / "secret").write_text("secret+of/gateway\n")
    tokens = {
        "issuers": [{"issuer": issuer, "audiences": [JWT], "keys": {"cooldown": 1}}],
        "introspection": {
            "issuer": issuer, "audiences": [OPAQUE], "client_id": "gateway", "client_secret": {"file": "secret"},
            "cache_inactive": 0,
        },
        "dpop": {},
        "insecure_loopback": True,
    } | more  # fmt: skip
    text = json.dumps({"gateway": {"tokens": tokens}}).encode()
    return token_parts(parse(text, "guarita.yaml").gateway.tokens, folder).authenticators


def request(token, scheme="Bearer", proof=None):
    headers = [(b"authorization", f"{scheme} {token}".encode())]
    headers += [(b"dpop", proof.encode())] if proof else []
    return Request("GET", "/docs", headers, host="api.example.com")


def who(authenticators, asked):
    async def run():
        for authenticator in authenticators:
            if found := await authenticator.authenticate(asked):
                return found
        return None

    return asyncio.run(run())


def refused(authenticators, asked):
    with pytest.raises(RefusalError) as caught:
        who(authenticators, asked)
    return caught.value.code


def test_a_jwt_found_by_discovery(provider, tmp_path):
    authenticators = gateway(provider.issuer, tmp_path)
    token, _ = provider.token(JWT, scope="docs:read docs:write")
    found = who(authenticators, request(token))
    assert (found.authenticator, found.issuer, found.client_id) == ("jwt", provider.issuer, "caller")
    assert found.scopes == {"docs:read", "docs:write"}
    assert found.credential_id
    assert who(authenticators, request(token)) is found
    head, body, signature = token.split(".")
    assert refused(authenticators, request(f"{head}.{body}.{signature[::-1]}")) in {
        "token.signature",
        "token.format",
    }


def test_an_opaque_token_until_it_is_revoked(provider, tmp_path):
    authenticators = gateway(provider.issuer, tmp_path)
    token, _ = provider.token(OPAQUE)
    assert "." not in token
    found = who(authenticators, request(token))
    assert (found.authenticator, found.subject, found.scopes) == ("introspection", "caller", {"docs:read"})
    assert found.expires > time.time() + 500
    provider.revoke(token)
    assert who(authenticators, request(token)) is found  # for the minute that the configuration allows
    assert refused(gateway(provider.issuer, tmp_path), request(token)) == "introspection.inactive"


@pytest.mark.parametrize("resource", [JWT, OPAQUE])
def test_a_token_bound_by_the_provider(provider, tmp_path, resource):
    authenticators = gateway(provider.issuer, tmp_path)
    key = SigningKey.new("ES256")
    token, kind = provider.token(resource, proof=key.proof("POST", f"{provider.issuer}/token"))
    assert kind == "DPoP"
    proof = key.proof("GET", "https://api.example.com/docs", token)
    found = who(authenticators, request(token, "DPoP", proof))
    assert found.bound
    assert refused(authenticators, request(token, "DPoP", proof)) == "dpop.replay"
    assert refused(authenticators, request(token)) == "dpop.required"
    stolen = SigningKey.new("ES256").proof("GET", "https://api.example.com/docs", token)
    assert refused(authenticators, request(token, "DPoP", stolen)) == "dpop.binding"


def test_the_providers_keys_rotate(provider, tmp_path):
    authenticators = gateway(provider.issuer, tmp_path)

    def minted():
        return request(provider.token(JWT)[0])

    def by_and_by(asked, wanted):
        for _ in range(200):
            try:
                if who(authenticators, asked):
                    code = "accepted"
            except RefusalError as error:
                code = error.code
            if code == wanted:
                return
            time.sleep(0.05)
        raise AssertionError(code)

    first = minted()
    assert who(authenticators, first)
    provider.rotate("keep")
    by_and_by(minted(), "accepted")
    assert who(authenticators, first)
    provider.rotate("drop")
    by_and_by(minted(), "accepted")
    assert refused(authenticators, first) == "token.unknown-key"


@pytest.fixture(scope="module")
def openbao(tmp_path_factory):
    with servers.openbao(tmp_path_factory.mktemp("bao")) as (address, _):
        client = hvac.Client(address, token=servers.BAO_TOKEN)
        client.secrets.identity.configure_tokens_backend(issuer=address)
        yield client, f"{address}/v1/identity/oidc"


def test_openbaos_identity_tokens_through_the_rotation_of_their_key(openbao, tmp_path):
    client, issuer = openbao
    identity = client.secrets.identity
    identity.create_named_key(
        "services", rotation_period="24h", verification_ttl="24h", allowed_client_ids=["*"], algorithm="ES256"
    )
    identity.create_or_update_role("reader", key="services", template='{"scope": "docs:read"}', ttl="10m")
    audience = identity.read_role("reader")["data"]["client_id"]
    entity = identity.create_or_update_entity(name="worker")["data"]["id"]
    client.sys.enable_auth_method("userpass")
    accessor = client.sys.list_auth_methods()["data"]["userpass/"]["accessor"]
    identity.create_or_update_entity_alias(name="worker", canonical_id=entity, mount_accessor=accessor)
    client.sys.create_or_update_policy(
        "oidc", 'path "identity/oidc/token/reader" { capabilities = ["read"] }'
    )
    client.auth.userpass.create_or_update_user("worker", password="of the tests", policies=["oidc"])

    def minted():
        worker = hvac.Client(client.url)
        worker.auth.userpass.login("worker", "of the tests")
        return worker.secrets.identity.generate_signed_id_token("reader")["data"]["token"]

    trusted = {
        "issuer": issuer,
        "audiences": [audience],
        "profile": False,
        "types": [""],
        "keys": {"cooldown": 1},
    }
    authenticators = gateway(issuer, tmp_path, issuers=[trusted], introspection=None)
    first = request(minted())
    found = who(authenticators, first)
    assert (found.subject, found.scopes, found.issuer) == (entity, {"docs:read"}, issuer)
    assert found.credential_id.startswith("sha256:")
    identity.rotate_named_key("services", verification_ttl="24h")
    time.sleep(1)  # the cooldown
    assert who(authenticators, request(minted())).subject == entity
    assert who(authenticators, first).subject == entity
    strict = gateway(issuer, tmp_path, issuers=[trusted | {"types": ["at+jwt"]}], introspection=None)
    assert refused(strict, first) == "token.type"
