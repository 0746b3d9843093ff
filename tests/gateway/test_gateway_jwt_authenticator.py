"""JWT access tokens as principals: one header, each spelling by itself, nothing kept longer than it is right."""

import asyncio
import base64
import secrets
import time

import pytest

from guarita.gateway.interface import Request
from guarita.gateway.keys import KeySource
from guarita.gateway.oauth.binding import Binding
from guarita.gateway.outbound import Outbound
from guarita.gateway.refusal import RefusalError
from guarita.gateway.testing.signing import SigningKey, b64
from guarita.gateway.tokens.authenticator import JwtAuthenticator
from guarita.gateway.tokens.claims import Expectation
from guarita.gateway.tokens.verifier import Trust, Verifier

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256 (FIPS 186-4, D.1.2.3)."""


def ask(*headers, **more):
    return Request(
        "GET", "/docs", [(name.lower().encode(), value.encode()) for name, value in headers], **more
    )


def bearer(token, scheme="Bearer", **more):
    return ask(("authorization", f"{scheme} {token}"), **more)


class Setup:
    def __init__(self, issuer, **options):
        self.at = time.time()
        self.ticks = 1000.0
        self.source = KeySource(
            issuer.issuer, issuer.jwks_uri, Outbound(insecure_loopback=True), clock=lambda: self.ticks
        )
        trust = Trust(Expectation(issuer.issuer, frozenset({issuer.audience}), leeway=10))
        self.jwt = JwtAuthenticator(
            Verifier([trust]), {issuer.issuer: self.source}, now=lambda: self.at, **options
        )

    def pass_time(self, seconds):
        self.at += seconds
        self.ticks += seconds

    def who(self, request):
        return asyncio.run(self.jwt.authenticate(request))

    def refused(self, request):
        with pytest.raises(RefusalError) as caught:
            self.who(request)
        return caught.value


def challenge(refusal):
    return [value.decode() for name, value in refusal.headers if name == b"www-authenticate"]


def test_a_token_is_a_principal(local_issuer):
    setup = Setup(local_issuer)
    token = local_issuer.mint(scope="docs:read docs:write", jti="t-9")
    for scheme in ("Bearer", "bearer", "BEARER", "Bearer  "):
        found = setup.who(bearer(token, scheme))
        assert (found.subject, found.issuer, found.client_id) == ("user-1", local_issuer.issuer, "app")
        assert (found.credential_id, found.authenticator, found.bound) == ("t-9", "jwt", False)
        assert found.scopes == {"docs:read", "docs:write"}
        assert found.expires > setup.at
        assert token not in repr(found)
    with pytest.raises(TypeError):
        found.claims["sub"] = "admin"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("authorization", "Basic dXNlcjpwYXNz")],
        [("authorization", "Bearerish abc")],
        [("authorization", "DPoP a.b.c")],  # not offered here
        [("cookie", "access_token=a.b.c")],
    ],
)
def test_what_is_not_mine(local_issuer, headers):
    setup = Setup(local_issuer)
    assert setup.who(ask(*headers, query=b"access_token=" + local_issuer.mint().encode())) is None
    assert setup.jwt.challenges() == ('Bearer realm="guarita"',)


@pytest.mark.parametrize(
    "value", ["Bearer", "Bearer ", "bearer\tx.y.z", "Bearer a b", "Bearer a, Basic b", "Bearer é"]
)
def test_a_header_that_cannot_be_read(local_issuer, value):
    refusal = Setup(local_issuer).refused(ask(("authorization", value)))
    assert (refusal.status, refusal.code) == (400, "request.credentials")
    assert challenge(refusal)[0].startswith(
        'Bearer realm="guarita", error="invalid_request", error_description="'
    )


def test_two_headers_are_refused_even_when_both_are_right(local_issuer):
    value = f"Bearer {local_issuer.mint()}"
    refusal = Setup(local_issuer).refused(ask(("authorization", value), ("authorization", value)))
    assert (refusal.status, refusal.code) == (400, "request.repeated-header")


def test_the_exact_challenge(local_issuer):
    refusal = Setup(local_issuer).refused(bearer(local_issuer.mint(exp=1, iat=0)))
    assert challenge(refusal) == [
        'Bearer realm="guarita", error="invalid_token", error_description="the token has expired"'
    ]


def test_tokens_of_other_forms(local_issuer):
    assert Setup(local_issuer, opaque_elsewhere=True).who(bearer("opaque")) is None
    assert Setup(local_issuer).refused(bearer("opaque")).code == "token.format"
    assert Setup(local_issuer, opaque_elsewhere=True).refused(bearer("a.b.c")).status == 401


def test_a_token_seen_before_is_not_verified_again_and_ends_when_it_ends(local_issuer):
    setup = Setup(local_issuer)
    token = bearer(local_issuer.mint())
    first = setup.who(token)
    assert setup.who(token) is first
    setup.at += 305
    assert setup.who(token) is first  # within the leeway, as a fresh look would say
    setup.at += 5.1
    assert setup.refused(token).code == "token.expired"
    assert setup.refused(token).code == "token.expired"


def spelled_otherwise(token):
    """The other signature that is as good (ECDSA: s and n-s), of the same token."""
    signed, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    r, s = raw[:32], int.from_bytes(raw[32:])
    return f"{signed}.{b64(r + (ORDER - s).to_bytes(32))}"


@pytest.mark.parametrize("jti", ["t-1", ...])
def test_two_spellings_are_one_identity_and_each_is_verified(local_issuer, jti):
    setup = Setup(local_issuer)
    profile = Expectation(local_issuer.issuer, frozenset({local_issuer.audience}), profile=False)
    setup.jwt = JwtAuthenticator(Verifier([Trust(profile)]), {local_issuer.issuer: setup.source})
    token = local_issuer.mint(jti=jti)
    first, second = setup.who(bearer(token)), setup.who(bearer(spelled_otherwise(token)))
    assert first is not second
    assert first == second
    assert first.credential_id
    for wrong in (token + "=", token[:-4] + "AAAA", token.replace(".", "..", 1)):
        assert setup.refused(bearer(wrong)).status == 401


def test_a_withdrawn_key_takes_its_tokens_along(local_issuer):
    setup = Setup(local_issuer)
    told = []
    setup.source.watch(lambda: told.append("withdrawn"))
    old = bearer(local_issuer.mint())
    assert setup.who(old)
    local_issuer.rotate(keep=True)
    setup.pass_time(11)
    assert setup.who(bearer(local_issuer.mint()))  # makes the source look
    assert setup.who(old)
    assert not told
    local_issuer.rotate(keep=False)
    setup.pass_time(11)
    assert setup.who(bearer(local_issuer.mint()))
    assert told == ["withdrawn"]
    assert setup.refused(old).code == "token.unknown-key"


def test_a_key_replaced_under_its_own_name_takes_its_tokens_along(local_issuer):
    setup = Setup(local_issuer)
    old = bearer(local_issuer.mint())
    assert setup.who(old)
    local_issuer.rotate(keep=False, kid="key-1")
    local_issuer.rotate(keep=True)
    setup.pass_time(11)
    assert setup.who(bearer(local_issuer.mint()))
    assert setup.refused(old).code == "token.signature"


def test_past_the_bound_of_staleness_even_a_remembered_token_is_503(local_issuer):
    setup = Setup(local_issuer)
    token = bearer(local_issuer.mint(exp=int(time.time()) + 80_000))
    assert setup.who(token)
    local_issuer.fault = "500"
    setup.pass_time(21_000)
    assert setup.who(token)
    setup.pass_time(601)
    refusal = setup.refused(token)
    assert (refusal.status, refusal.code, refusal.headers) == (503, "keys.unavailable", ())


def test_refusals_are_not_remembered(local_issuer):
    setup = Setup(local_issuer)
    stranger = SigningKey.new("ES256", "key-2")
    token = bearer(local_issuer.mint(key=stranger))
    assert setup.refused(token).code == "token.unknown-key"
    local_issuer.keys.append(stranger)
    setup.pass_time(11)
    assert setup.who(token).subject == "user-1"


@pytest.mark.parametrize("member", [{"jkt": "x"}, {"x5t#S256": "x"}, {"jwk": "x"}, {"jku": "x", "jkt": "x"}])
def test_a_bound_token_is_no_bearer_token(local_issuer, member):
    setup = Setup(local_issuer, binding=Binding())
    token = bearer(local_issuer.mint(cnf=member))
    for _ in range(2):  # not the second time either
        refusal = setup.refused(token)
        assert refusal.status == 401
        assert refusal.code in {"dpop.required", "certificate.missing", "token.confirmation"}


def test_a_certificate_is_asked_for_each_time(local_issuer):
    setup = Setup(local_issuer)
    thumb = b64(secrets.token_bytes(32))
    token = local_issuer.mint(cnf={"x5t#S256": thumb})
    assert setup.who(bearer(token, certificate=thumb)).bound
    assert setup.refused(bearer(token)).code == "certificate.missing"
    assert (
        setup.refused(bearer(token, certificate=b64(secrets.token_bytes(32)))).code == "certificate.mismatch"
    )
    assert setup.who(bearer(token, certificate=thumb))


def test_unbound_tokens_where_bound_ones_are_required(local_issuer):
    setup = Setup(local_issuer, binding=Binding(required=True))
    for _ in range(2):
        assert setup.refused(bearer(local_issuer.mint())).code == "token.unbound"


@pytest.mark.parametrize(
    ("claims", "wanted"),
    [
        ({"realm": {"roles": ["reader", "editor"]}}, {"reader", "editor"}),
        ({"realm": {"roles": []}}, set()),
        ({"realm": {}}, set()),
        ({"realm": "roles"}, set()),
        ({"roles": ["admin"]}, set()),
        ({"realm": {"roles": "admin"}}, "token.claim"),
        ({"realm": {"roles": ["a", 1]}}, "token.claim"),
        ({"realm": {"roles": [""]}}, "token.claim"),
    ],
)
def test_roles_stand_where_the_configuration_says(local_issuer, claims, wanted):
    setup = Setup(local_issuer, role_claims={local_issuer.issuer: ("realm", "roles")})
    token = bearer(local_issuer.mint(**claims))
    assert (setup.refused(token).code if isinstance(wanted, str) else setup.who(token).roles) == wanted


def test_the_table_is_bounded(local_issuer):
    setup = Setup(local_issuer, size=20)
    for _ in range(50):
        assert setup.who(bearer(local_issuer.mint()))
    assert len(setup.jwt._cache) <= 20
