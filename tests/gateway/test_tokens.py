"""Access tokens: one spelling, one meaning, and nothing is given the benefit of a doubt."""

import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st
from minting import AUDIENCE, ISSUER, SIGNERS, b64, claims, header, jwk, new_key, sign

from guarita.gateway.keys import KeySetError, parse_key_set
from guarita.gateway.refusal import TokenError
from guarita.gateway.tokens.claims import Expectation
from guarita.gateway.tokens.verifier import Trust, Verifier

NOW = 1_800_000_000.0
KEYS = {name: new_key(name) for name in SIGNERS}
SET = parse_key_set(
    json.dumps({"keys": [jwk(key, kid=name, alg=name) for name, key in KEYS.items()]}).encode()
)
VERIFIER = Verifier([Trust(Expectation(ISSUER, frozenset({AUDIENCE})), frozenset(SIGNERS))])


def verify(token, now=NOW, verifier=VERIFIER, keys=SET):
    return verifier.verify(verifier.open(token), keys, now)


def code(token, **options):
    with pytest.raises(TokenError) as refused:
        verify(token, **options)
    assert refused.value.status == 401
    return refused.value.code


def made(algorithm="ES256", head=None, **changes):
    return sign(KEYS[algorithm], header(algorithm, kid=algorithm, **(head or {})), claims(NOW, **changes))


@pytest.mark.parametrize("algorithm", SIGNERS)
def test_a_right_token_is_understood(algorithm):
    found = verify(made(algorithm))
    assert (found.issuer, found.subject, found.token_id) == (ISSUER, "user-1", "t-1")
    assert found.scopes == {"docs:read"}
    assert found.expires == NOW + 300


@pytest.mark.parametrize("kind", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_the_type_of_an_access_token_in_its_spellings(kind):
    assert verify(made(head={"typ": kind})).subject == "user-1"


@pytest.mark.parametrize(
    ("head", "wanted"),
    [
        ({"typ": ...}, "token.type"),
        ({"typ": "JWT"}, "token.type"),
        ({"typ": "id+jwt"}, "token.type"),
        ({"typ": 1}, "token.type"),
        ({"alg": ...}, "token.algorithm"),
        ({"alg": "none"}, "token.algorithm"),
        ({"alg": "None"}, "token.algorithm"),
        ({"alg": "HS256"}, "token.algorithm"),
        ({"alg": "es256"}, "token.algorithm"),
        ({"alg": ["ES256"]}, "token.algorithm"),
        ({"alg": "RS256"}, "token.unknown-key"),
        ({"kid": "other"}, "token.unknown-key"),
        ({"kid": ...}, "accepted"),
        ({"kid": ""}, "token.header"),
        ({"kid": None}, "token.header"),
        ({"kid": 7}, "token.header"),
        ({"kid": "x" * 257}, "token.header"),
        ({"crit": ["exp"]}, "token.critical"),
        ({"crit": []}, "token.critical"),
        ({"b64": False}, "token.critical"),
        ({"zip": "DEF"}, "token.critical"),
        ({"jku": "https://evil.example"}, "token.header-key"),
        ({"jwk": {"kty": "EC"}}, "token.header-key"),
        ({"x5u": "https://evil.example"}, "token.header-key"),
        ({"pad": "x" * 3000}, "token.header"),
    ],
)
def test_headers_that_confuse(head, wanted):
    token = sign(KEYS["ES256"], header("ES256", **({"kid": "ES256"} | head)), claims(NOW), "ES256")
    if wanted == "accepted":
        assert verify(token).subject == "user-1"
    else:
        assert code(token) == wanted


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"iss": ISSUER + "/"}, "token.issuer"),
        ({"iss": ISSUER.upper()}, "token.issuer"),
        ({"iss": [ISSUER]}, "token.issuer"),
        ({"iss": ...}, "token.issuer"),
        ({"aud": "other"}, "token.audience"),
        ({"aud": AUDIENCE[:-1]}, "token.audience"),
        ({"aud": []}, "token.claim"),
        ({"aud": [AUDIENCE, 1]}, "token.claim"),
        ({"aud": {AUDIENCE: True}}, "token.claim"),
        ({"aud": ...}, "token.claim"),
        ({"sub": ""}, "token.claim"),
        ({"sub": ...}, "token.claim"),
        ({"sub": 1}, "token.claim"),
        ({"sub": "a\nb"}, "token.claim"),
        ({"sub": "a\u202eb"}, "token.claim"),
        ({"sub": "x" * 1025}, "token.claim"),
        ({"jti": ...}, "token.claim"),
        ({"jti": None}, "token.claim"),
        ({"client_id": ...}, "token.claim"),
        ({"iat": ...}, "token.claim"),
        ({"iat": True}, "token.claim"),
        ({"exp": ...}, "token.claim"),
        ({"exp": str(int(NOW) + 300)}, "token.claim"),
        ({"exp": True}, "token.claim"),
        ({"exp": (NOW + 300) * 1000}, "token.claim"),
        ({"exp": -1}, "token.claim"),
        ({"exp": [NOW + 300]}, "token.claim"),
        ({"exp": NOW - 31}, "token.expired"),
        ({"exp": NOW + 86_400 * 365_000}, "token.lifetime"),
        ({"exp": NOW + 86_401}, "token.lifetime"),
        ({"nbf": NOW + 60}, "token.not-yet"),
        ({"nbf": "0"}, "token.claim"),
        ({"iat": NOW + 60}, "token.not-yet"),
        ({"scope": ["docs:read"]}, "token.claim"),
        ({"scope": "a\tb"}, "token.claim"),
        ({"cnf": {}}, "token.confirmation"),
        ({"cnf": {"jwk": {}}}, "token.confirmation"),
        ({"cnf": "x"}, "token.confirmation"),
    ],
)
def test_claims_that_are_not_what_they_should_be(changes, wanted):
    assert code(made(**changes)) == wanted


def test_clocks_may_differ_by_the_leeway_and_no_more():
    token = made()
    assert verify(token, now=NOW - 30).subject
    assert verify(token, now=NOW + 329).subject
    assert code(token, now=NOW - 31) == "token.not-yet"
    assert code(token, now=NOW + 330) == "token.expired"


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        (b'{"iss":"a",' + json.dumps(claims(NOW)).encode()[1:], "token.payload"),
        (json.dumps(claims(NOW)).encode()[:-1] + b',"exp":99999999999}', "token.payload"),
        (
            json.dumps(claims(NOW, deep={"a": 1})).encode().replace(b'"a": 1', b'"a": 1, "a": 2'),
            "token.payload",
        ),
        (json.dumps(claims(NOW)).encode("utf-16"), "token.payload"),
        (b"\xef\xbb\xbf" + json.dumps(claims(NOW)).encode(), "token.payload"),
        (json.dumps(claims(NOW, x="\ud800")).encode(), "token.payload"),
        (json.dumps(claims(NOW, x=float("nan"))).encode(), "token.payload"),
        (json.dumps(claims(NOW, x=float("inf"))).encode(), "token.payload"),
        (json.dumps(claims(NOW)).encode()[:-1] + b',"x":1e999}', "token.payload"),
        (json.dumps(claims(NOW)).encode()[:-1] + b',"x":' + b"[" * 50 + b"]" * 50 + b"}", "token.payload"),
        (json.dumps(claims(NOW)).encode()[:-1] + b',"x":' + b"9" * 5000 + b"}", "token.payload"),
        (b"[]", "token.payload"),
        (b"null", "token.payload"),
        (b'"x"', "token.payload"),
    ],
)
def test_payloads_that_read_two_ways(payload, wanted):
    assert code(sign(KEYS["ES256"], header("ES256", kid="ES256"), payload)) == wanted


def test_headers_that_read_two_ways():
    for head in (b'{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"ES256"}', b"[]", b"\xff"):
        assert code(sign(KEYS["ES256"], head, claims(NOW), "ES256")) == "token.header"


def test_one_spelling_only():
    token = made()
    head, payload, signature = token.split(b".")
    # Sixty-four bytes leave two bits over in their last character: three more spellings of the same bytes.
    last = signature[-1:]
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = [signature[:-1] + alphabet[at : at + 1] for at in range(64) if alphabet[at : at + 1] != last]
    spellings = [
        token + b"=", token + b"==", token + b"\n", b" " + token, token + b".", b"." + token,
        head + b".." + payload + b"." + signature, token.replace(b"-", b"+"), token.replace(b"_", b"/"),
        head + b"=." + payload + b"." + signature, head + b"." + payload + b".", head + b"." + payload,
        token[:40] + b"\r\n " + token[40:], b"", b"..", b"a.b.c", b"\x00" + token, "é".encode() + token,
        *(b".".join((head, payload, other)) for other in others),
    ]  # fmt: skip
    for spelling in spellings:
        if spelling != token:
            assert code(spelling) in {"token.format", "token.signature"}, spelling
    assert code(b"a" * 20_000) == "token.size"


def test_a_public_key_is_no_shared_secret():
    public = (
        KEYS["RS256"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    signed = (
        b64(json.dumps(header("HS256", kid="RS256")).encode()) + b"." + b64(json.dumps(claims(NOW)).encode())
    )
    forged = signed + b"." + b64(hmac.new(public, signed, hashlib.sha256).digest())
    assert code(forged) == "token.algorithm"


def test_a_key_verifies_only_what_it_is_published_for():
    token = sign(KEYS["RS256"], header("PS256", kid="RS256"), claims(NOW), "PS256")
    assert code(token) == "token.unknown-key"
    assert code(sign(KEYS["ES384"], header("ES256", kid="ES256"), claims(NOW), "ES384")) == "token.signature"


def test_another_issuers_key_does_not_verify():
    other = Trust(Expectation("https://other.example", frozenset({AUDIENCE})), frozenset({"EdDSA"}))
    both = Verifier([*VERIFIER.trusts.values(), other])
    token = sign(KEYS["ES256"], header("ES256", kid="ES256"), claims(NOW, iss="https://other.example"))
    assert code(token, verifier=both) == "token.algorithm"


@settings(max_examples=300)
@given(st.data())
def test_any_byte_changed_is_refused(data):
    token = bytearray(made())
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.integers(0, 255))
    if other != token[at]:
        token[at] = other
        assert code(bytes(token)).startswith("token.")


@given(st.binary(max_size=200) | st.text(max_size=60).map(lambda text: text.encode()))
def test_anything_is_refused_with_a_code(raw):
    assert code(raw) in {"token.format", "token.size"}
    assert code(b64(raw) + b"." + b64(raw) + b"." + b64(raw)).startswith("token.")


def test_no_message_holds_anything_of_the_token():
    for token in (
        made(sub="canary-9", aud="x"),
        made(scope="canary-9", exp=1),
        b64(b"canary-9") + b".e30.e30",
    ):
        with pytest.raises(TokenError) as refused:
            verify(token)
        assert "canary" not in f"{refused.value.message}{refused.value!r}"


def keys_of(*members):
    return json.dumps({"keys": list(members)}).encode()


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"{}", "no list"),
        (b'{"keys": {}}', "no list"),
        (b'{"keys": []}', "it is empty"),
        (b'{"keys": [1, null, {}]}', "no object"),
        (b'{"keys": [], "keys": []}', "twice"),
        (b"<html>", "not JSON"),
        (keys_of({"kty": "oct", "k": "c2VjcmV0", "kid": "a"}), "does not verify"),
        (keys_of(jwk(KEYS["RS256"], use="enc")), "not for signatures"),
        (keys_of(jwk(KEYS["RS256"], key_ops=["sign"])), "not for verifying"),
        (keys_of(jwk(KEYS["RS256"], alg="RS1")), "not allowed"),
        (keys_of(jwk(KEYS["RS256"], alg=["RS256"])), "not allowed"),
        (keys_of(jwk(KEYS["ES256"], x="AA")), "cannot be read"),
        (keys_of(jwk(KEYS["ES256"], kid=3)), "no text"),
        (keys_of(jwk(KEYS["ES256"], d="AA")), "private key"),
        (keys_of(*[jwk(KEYS["ES256"], kid=str(n)) for n in range(101)]), "at most 100"),
        (keys_of(jwk(KEYS["ES256"], pad="x" * 300_000)), "bytes"),
        (keys_of(jwk(KEYS["ES256"], kid="a"), jwk(new_key("ES256"), kid="a")), "share a name"),
    ],
)
def test_key_sets_that_verify_nothing(raw, why):
    with pytest.raises(KeySetError, match=why):
        parse_key_set(raw)


def test_two_keys_of_one_name_verify_nothing_and_the_others_do():
    twin, other = new_key("ES256"), new_key("EdDSA")
    raw = keys_of(jwk(KEYS["ES256"], kid="a"), jwk(twin, kid="a"), jwk(other, kid="b"))
    found = parse_key_set(raw)
    assert found.find("a", "ES256") is None
    assert found.find("b", "EdDSA") is not None
    assert any("share a name" in reason for reason in found.left_out)


def test_a_short_rsa_key_is_left_out():
    from cryptography.hazmat.primitives.asymmetric import rsa

    weak = rsa.generate_private_key(65537, 1024)
    with pytest.raises(KeySetError, match="too weak"):
        parse_key_set(keys_of(jwk(weak, kid="a")))
