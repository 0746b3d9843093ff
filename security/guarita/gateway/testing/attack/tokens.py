"""Attacks on tokens: what is signed, by what, and what it says (RFC 8725, RFC 9068, RFC 7515)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from guarita.gateway.testing.attack.interface import Aim, Attempt, Holder, attack
from guarita.gateway.testing.attack.wallet import Mint, bearing
from guarita.gateway.testing.signing import SigningKey, b64

DAY: Final = 86_400
_SECRETS: Final = (
    "secret", "changeme", "your-256-bit-secret", "jwt_secret", "supersecret", "password",
    # The key that FastAPI's tutorial shows.
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
)  # fmt: skip
_LIBRARY: Final = (
    "docs/gateway-tokens.md; with PyJWT: algorithms=[…], audience=…, issuer=…, options={'require': […]}"
)


def by_token(aim: Aim) -> bool:
    """Whether the right one comes with a token that an issuer of ours signs."""
    return _mint(aim) is not None


def _mint(aim: Aim) -> Mint | None:
    if aim.right is None or aim.right.given:
        return None
    return aim.wallet.mint(aim.right.principal)


def _known(aim: Aim) -> tuple[Mint, Holder]:
    mint = _mint(aim)
    assert mint is not None and aim.right is not None  # noqa: PT018, S101  # `by_token` held
    return mint, aim.right


def _sent(aim: Aim, token: str, told: str) -> Attempt:
    mint, _ = _known(aim)
    return Attempt(aim.sent(*bearing(mint, token, aim.target)), told)


def _changed(aim: Aim, told: str, *, header: Mapping[str, Any] | None = None, **claims: Any) -> Attempt:
    """A right token with changes, signed by its issuer's own key."""
    mint, right = _known(aim)
    return _sent(aim, mint.token(right.principal, header=header, **claims), told)


@attack(
    "token.missing",
    "No credential, an empty one, or one of another scheme.",
    do="ask for a credential on this route",
)
def missing(aim: Aim) -> Iterator[Attempt]:
    yield Attempt(aim.sent(), "no credential")
    for value in (
        "Bearer",
        "Bearer ",
        "Bearer null",
        "Bearer undefined",
        "Basic YTpi",
        "Basic Og==",
        "Digest x",
        "None",
    ):
        yield Attempt(
            aim.sent(("authorization", value)),
            f"the header Authorization: {value.partition(' ')[0]} with nothing in it",
        )


@attack(
    "token.garbage",
    "Something that only looks like a token.",
    do="let a library verify the token before anything in it is used",
)
def garbage(aim: Aim) -> Iterator[Attempt]:
    part = b64(b'{"alg":"RS256","sub":"admin"}')
    for token in (
        "x",
        "a.b.c",
        f"{part}.{part}.{part}",
        f"{part}.{part}",
        f"{part}.{part}.x.y.z",
        "a" * 20_000,
        "..",
    ):
        yield Attempt(aim.sent(("authorization", f"Bearer {token}")), "a token that nobody signed")


@attack(
    "token.alg-none",
    "Tokens that say that they need no signature.",
    do=f"allow-list algorithms, never `none`. {_LIBRARY}",
    fits=by_token,
)
def alg_none(aim: Aim) -> Iterator[Attempt]:
    mint, right = _known(aim)
    payload = b64(json.dumps(mint.claims(right.principal)).encode())
    for name in ("none", "None", "NONE", "nOnE", ""):
        header = b64(json.dumps(mint.header() | {"alg": name}).encode())
        for signature in ("", "AA"):
            yield _sent(aim, f"{header}.{payload}.{signature}", f"alg {name!r}")


@attack(
    "token.alg-hmac", "Tokens signed symmetrically with the issuer's public key.",
    do=f"allow-list the issuer's own algorithms, so that HS256 is never tried with a public key. {_LIBRARY}", fits=by_token,
)  # fmt: skip
def alg_hmac(aim: Aim) -> Iterator[Attempt]:
    mint, right = _known(aim)
    claims = mint.claims(right.principal)
    for secret in _public_as_secret(mint.key):
        for bits in (256, 384, 512):
            token = _hmac(mint.header() | {"alg": f"HS{bits}"}, claims, secret, bits)
            yield _sent(aim, token, f"HS{bits} with the public key as the secret")


@attack(
    "token.weak-secret",
    "Tokens signed with secrets that everybody knows.",
    do="sign with a key pair, or with 32 random bytes from a secret store",
    fits=by_token,
)
def weak_secret(aim: Aim) -> Iterator[Attempt]:
    mint, right = _known(aim)
    for secret in _SECRETS:
        token = _hmac({**mint.header(), "alg": "HS256"}, mint.claims(right.principal), secret.encode(), 256)
        yield _sent(aim, token, "HS256 with a secret from a tutorial")


@attack(
    "token.signature",
    "Signatures that are cut off, flipped, of zeros, or another key's.",
    do=f"verify the signature before reading any claim. {_LIBRARY}",
    fits=by_token,
)
def signature(aim: Aim) -> Iterator[Attempt]:
    mint, right = _known(aim)
    token = mint.token(right.principal)
    signed, _, last = token.rpartition(".")
    raw = base64.urlsafe_b64decode(last + "=" * (-len(last) % 4))
    for told, changed in (
        ("without its signature", b""),
        ("with a flipped bit in its signature", bytes([raw[0] ^ 1]) + raw[1:]),
        ("with half of its signature", raw[: len(raw) // 2]),
        ("with a signature of zeros", bytes(len(raw))),
        ("with a signature of ones", b"\xff" * len(raw)),
    ):
        yield _sent(aim, f"{signed}.{b64(changed)}", f"a right token {told}")
    other = SigningKey.new(mint.key.algorithm, mint.key.kid)
    yield _sent(
        aim,
        other.sign(mint.header(), mint.claims(right.principal)),
        "another key that says it is the issuer's",
    )
    yield _sent(
        aim,
        other.sign({**mint.header(), "kid": "other"}, mint.claims(right.principal)),
        "a key that the issuer does not publish",
    )


@attack(
    "token.payload",
    "Other claims under a right token's signature.",
    do=f"verify the signature over what was sent. {_LIBRARY}",
    fits=by_token,
)
def payload(aim: Aim) -> Iterator[Attempt]:
    mint, right = _known(aim)
    header, _, last = mint.token(right.principal).split(".")
    claims = {**mint.claims(right.principal), "sub": "admin", "admin": True}
    yield _sent(
        aim, f"{header}.{b64(json.dumps(claims).encode())}.{last}", "another subject under a right signature"
    )


@attack(
    "token.issuer",
    "Tokens of an issuer that nobody trusts, or of none.",
    do=f"compare `iss` with the one expected. {_LIBRARY}",
    fits=by_token,
)
def issuer(aim: Aim) -> Iterator[Attempt]:
    mint, right = _known(aim)
    for told, value in (
        ("another issuer", "https://issuer.invalid"), ("no issuer", ...), ("an empty issuer", ""),
        ("an issuer with a slash more", f"{mint.issuer}/"), ("an issuer that begins as the right one", f"{mint.issuer}.invalid"),
        ("an issuer in other case", mint.issuer.swapcase()), ("a list of issuers", [mint.issuer, "https://issuer.invalid"]),
    ):  # fmt: skip
        yield _changed(aim, f"signed rightly, but of {told}", iss=value)
    evil = aim.wallet.evil
    claims = {**mint.claims(right.principal), "iss": evil.issuer}
    yield _sent(
        aim,
        evil.keys[-1].sign({**mint.header(), "alg": evil.algorithm, "kid": evil.keys[-1].kid}, claims),
        "a stranger's own issuer",
    )


@attack(
    "token.audience",
    "Tokens that were issued for another service.",
    do=f"require `aud` to name this service. {_LIBRARY}",
    fits=by_token,
)
def audience(aim: Aim) -> Iterator[Attempt]:
    mint, _ = _known(aim)
    for told, value in (
        ("another audience", "https://other.invalid"), ("no audience", ...), ("an empty list of audiences", []),
        ("other audiences", ["https://other.invalid", "account"]), ("an audience that begins as the right one", f"{mint.audience}.invalid"),
        ("an audience in other case", mint.audience.swapcase()), ("an audience that is true", True),
    ):  # fmt: skip
        yield _changed(aim, f"signed rightly, but for {told}", aud=value)


@attack(
    "token.type",
    "Tokens that are no access tokens: ID tokens, logout tokens, proofs.",
    do="take `typ: at+jwt` only (RFC 9068 section 4), or tell kinds of tokens apart by audience and issuer",
    fits=by_token,
)
def kind(aim: Aim) -> Iterator[Attempt]:
    mint, _ = _known(aim)
    for value in ("JWT", "id_token+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", ...):
        name = "" if value is ... else value.lower()
        if name not in mint.types:
            told = "no type" if value is ... else f"the type {value}"
            yield _changed(
                aim, f"signed rightly, but with {told}", header={"typ": value}, nonce="n", auth_time=1
            )


@attack(
    "token.expired",
    "Tokens that have ended, or never end.",
    do=f"require `exp` and compare it as a number. {_LIBRARY}",
    fits=by_token,
)
def expired(aim: Aim) -> Iterator[Attempt]:
    now = int(time.time())
    for told, value in (
        ("ended a day ago", now - DAY), ("ended at the beginning of time", 0), ("never ends", ...),
        ("ends by a text", str(now + DAY)), ("ends at true", True), ("ends at null", None), ("ends in infinity", 1e300),
    ):  # fmt: skip
        yield _changed(aim, f"signed rightly, but {told}", exp=value)


@attack(
    "token.not-yet",
    "Tokens that are not valid yet.",
    do=f"check `nbf` and `iat` with a few seconds of leeway. {_LIBRARY}",
    fits=by_token,
)
def not_yet(aim: Aim) -> Iterator[Attempt]:
    tomorrow = int(time.time()) + DAY
    yield _changed(aim, "signed rightly, but valid from tomorrow on", nbf=tomorrow, exp=tomorrow + 300)
    yield _changed(aim, "signed rightly, but issued tomorrow", iat=tomorrow, exp=tomorrow + 300)


@attack(
    "token.lifetime",
    "Tokens that are good for a thousand years.",
    do="bound the time from `iat` to `exp`: a leaked token must end (RFC 8725)",
    fits=by_token,
)
def lifetime(aim: Aim) -> Iterator[Attempt]:
    yield _changed(aim, "signed rightly, for a thousand years", exp=int(time.time()) + 1000 * 365 * DAY)


@attack(
    "token.subject",
    "Tokens that name nobody, or something that is no name.",
    do="require `sub` to be a text that is not empty",
    fits=by_token,
)
def subject(aim: Aim) -> Iterator[Attempt]:
    for told, value in (
        ("nobody", ...),
        ("an empty name", ""),
        ("a list", ["admin"]),
        ("a number", 0),
        ("true", True),
        ("a name with a line end", "admin\n"),
    ):
        yield _changed(aim, f"signed rightly, with {told} as its subject", sub=value)


@attack(
    "token.kid",
    "Names of keys that lead to another key: a file, a query, an address.",
    do="look `kid` up in the issuer's own key set and nowhere else (RFC 8725 section 3.10)",
    fits=by_token,
)
def kid(aim: Aim) -> Iterator[Attempt]:
    mint, right = _known(aim)
    claims = mint.claims(right.principal)
    for name in (
        "../../../../../../dev/null",
        "/dev/null",
        "/proc/sys/kernel/randomize_va_space",
        "x' UNION SELECT '' -- ",
        "",
        "a" * 5_000,
        "\x00",
    ):
        for secret in (b"", b"2\n", b"2"):
            header = {**mint.header(), "alg": "HS256", "kid": name}
            yield _sent(aim, _hmac(header, claims, secret, 256), "a kid that leads to a file or a query")
    other = SigningKey.new(mint.key.algorithm)
    for value in (0, True, ["a"], {"a": 1}, f"{aim.wallet.evil.issuer}/jwks"):
        yield _sent(
            aim,
            other.sign({**mint.header(), "kid": value}, claims),
            "a kid that is no name, with another key",
        )


@attack(
    "token.header-key",
    "Tokens that bring their own key, or say where it is.",
    do="never use `jwk`, `jku`, `x5u` or `x5c` of a token (RFC 8725 section 3.10)",
    fits=by_token,
)
def header_key(aim: Aim) -> Iterator[Attempt]:
    mint, right = _known(aim)
    evil, claims = aim.wallet.evil, mint.claims(right.principal)
    key = evil.keys[-1]
    header = {**mint.header(), "alg": key.algorithm, "kid": key.kid}
    for name, value in (
        ("jwk", key.public()), ("jku", f"{evil.issuer}/jwks"), ("x5u", f"{evil.issuer}/jwks"), ("x5c", ["AAAA"]), ("x5t", "AAAA"),
    ):  # fmt: skip
        yield _sent(
            aim, key.sign({**header, name: value}, claims), f"another key, which the token names by {name}"
        )


@attack(
    "token.critical",
    "Extensions that must be understood, and are not.",
    do="refuse a token with `crit`, `b64` or `zip` that is not understood (RFC 7515 section 4.1.11)",
    fits=by_token,
)
def critical(aim: Aim) -> Iterator[Attempt]:
    for told, header in (
        ("crit", {"crit": ["https://example.com/must"], "https://example.com/must": True}), ("an empty crit", {"crit": []}),
        ("b64 false", {"b64": False, "crit": ["b64"]}),
    ):  # fmt: skip
        yield _changed(aim, f"signed rightly, with {told} in its header", header=header)


@attack(
    "token.duplicate",
    "Names that stand twice, so that two readers see two tokens.",
    do="refuse JSON in which a name stands twice (RFC 8725 section 2.6)",
    fits=by_token,
)
def duplicate(aim: Aim) -> Iterator[Attempt]:
    mint, right = _known(aim)
    header = json.dumps(mint.header()).encode()
    said = json.dumps(mint.claims(right.principal)).encode()
    for name, value in (
        ("sub", '"admin"'),
        ("aud", '"https://other.invalid"'),
        ("exp", "0"),
        ("jti", '"other"'),
    ):
        twice = f'{{"{name}":{value},'.encode() + said[1:]
        yield _sent(aim, mint.key.sign_bytes(header, twice), f"signed rightly, with {name} twice")
    yield _sent(
        aim, mint.key.sign_bytes(b'{"alg":"none",' + header[1:], said), "signed rightly, with alg twice"
    )


@attack(
    "token.encoding",
    "Payloads that are no JSON in UTF-8.",
    do="read the payload as strict JSON in UTF-8 (RFC 8259 section 8.1)",
    fits=by_token,
)
def encoding(aim: Aim) -> Iterator[Attempt]:
    mint, right = _known(aim)
    header = json.dumps(mint.header()).encode()
    said = json.dumps(mint.claims(right.principal))
    for told, raw in (
        ("in UTF-16", said.encode("utf-16")), ("with a byte order mark", b"\xef\xbb\xbf" + said.encode()),
        ("with NaN", (said[:-1] + ', "x": NaN}').encode()), ("with half of a character", (said[:-1] + ', "x": "\\ud800"}').encode()),
        ("nested a thousand deep", (said[:-1] + ', "x": ' + "[" * 1000 + "]" * 1000 + "}").encode()), ("that is a list", f"[{said}]".encode()),
    ):  # fmt: skip
        yield _sent(aim, mint.key.sign_bytes(header, raw), f"signed rightly, but {told}")


@attack(
    "token.spelling",
    "Other spellings of a right token, which a list of revoked ones does not know.",
    do="take base64url without padding, spaces and spare bits only (RFC 7515 section 2), and revoke by `jti`",
    fits=by_token,
)
def spelling(aim: Aim) -> Iterator[Attempt]:
    mint, right = _known(aim)
    token = mint.token(right.principal)
    header, middle, last = token.split(".")
    for told, other in (
        ("padding", f"{token}="), ("more padding", f"{token}=="), ("padding in the middle", f"{header}.{middle}==.{last}"),
        ("a point more", f"{token}."), ("a space in it", f"{header}. {middle}.{last}"), ("a line end", f"{token}%0A"),
        ("a tab", f"{header}\t.{middle}.{last}"),
    ):  # fmt: skip
        yield _sent(aim, other, f"a right token with {told}")


@attack(
    "token.bound",
    "Tokens that are bound to a key, without a proof that it is the sender's.",
    do="refuse `cnf` without its proof (RFC 9449 section 7.1, RFC 8705 section 3)",
    fits=by_token,
)
def bound(aim: Aim) -> Iterator[Attempt]:
    mint, right = _known(aim)
    thumbprint = SigningKey.new().thumbprint
    for told, cnf in (
        ("a key", {"jkt": thumbprint}),
        ("a certificate", {"x5t#S256": thumbprint}),
        ("something unknown", {"jwe": "x"}),
    ):
        token = mint.token(right.principal, cnf=cnf)
        yield Attempt(
            aim.sent(("authorization", f"Bearer {token}")), f"bound to {told}, and sent as any bearer token"
        )


@attack(
    "token.elsewhere",
    "A right token in the query, the body, a cookie or another header.",
    do="take tokens from Authorization alone (RFC 6750 section 2): addresses end in logs, cookies are sent by browsers for others",
    fits=by_token,
)
def elsewhere(aim: Aim) -> Iterator[Attempt]:
    mint, right = _known(aim)
    token = mint.token(right.principal)
    plain = aim.target.plain
    joint = "&" if "?" in plain.target else "?"
    for name in ("access_token", "token", "jwt", "id_token", "auth", "authorization", "bearer"):
        sent = aim.target.plain.__class__(
            plain.method, f"{plain.target}{joint}{name}={token}", plain.headers, plain.body, plain.socket
        )
        yield Attempt(sent, f"a right token in the query, as {name}")
    for name in ("access_token", "token", "jwt", "session", "Authorization"):
        yield Attempt(aim.sent(("cookie", f"{name}={token}")), f"a right token in the cookie {name}")
    for name in (
        "x-access-token",
        "x-auth-token",
        "x-authorization",
        "proxy-authorization",
        "x-forwarded-authorization",
        "x-original-authorization",
        "token",
    ):
        for value in (token, f"Bearer {token}"):
            yield Attempt(aim.sent((name, value)), f"a right token in the header {name}")
    if not plain.socket and not plain.body:
        body = f"access_token={token}".encode()
        form = (("content-type", "application/x-www-form-urlencoded"), ("content-length", str(len(body))))
        sent = plain.__class__(plain.method, plain.target, (*plain.headers, *form), body)
        yield Attempt(sent, "a right token in the body")
    if plain.socket:
        yield Attempt(
            aim.sent(("sec-websocket-protocol", f"bearer, {token}")), "a right token as a subprotocol"
        )


@attack(
    "token.twice",
    "Two credentials in one request, of which two readers take two.",
    do="refuse a request with two Authorization headers",
    fits=by_token,
)
def twice(aim: Aim) -> Iterator[Attempt]:
    mint, right = _known(aim)
    one = f"Bearer {mint.token(right.principal)}"
    for told, values in (
        ("a right one and garbage", (one, "Bearer x.y.z")), ("garbage and a right one", ("Bearer x.y.z", one)),
        ("the same one twice", (one, one)), ("an empty one and a right one", ("", one)), ("a right one and Basic", (one, "Basic YTpi")),
    ):  # fmt: skip
        yield Attempt(
            aim.sent(*(("authorization", value) for value in values)), f"two Authorization headers: {told}"
        )
    yield Attempt(
        aim.sent(("authorization", f"{one}, Bearer x.y.z")), "two credentials in one Authorization header"
    )


@attack(
    "token.scheme",
    "A right token under another scheme.",
    do="take the schemes Bearer and DPoP only",
    fits=by_token,
)
def scheme(aim: Aim) -> Iterator[Attempt]:
    mint, right = _known(aim)
    token = mint.token(right.principal)
    for value in (
        token,
        f"Token {token}",
        f"JWT {token}",
        f"Basic {token}",
        f"Bearer{token}",
        f"ApiKey {token}",
        f"Bearer: {token}",
        f'Bearer "{token}"',
    ):
        yield Attempt(aim.sent(("authorization", value)), "a right token under another scheme")


def _public_as_secret(key: SigningKey) -> Iterator[bytes]:
    public = key.private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    yield pem
    yield pem.strip()
    yield public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if isinstance(public, rsa.RSAPublicKey):
        yield public.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
    yield json.dumps(key.public()).encode()
    yield json.dumps(key.jwk(), separators=(",", ":")).encode()


def _hmac(header: Mapping[str, Any], claims: Mapping[str, Any], secret: bytes, bits: int) -> str:
    signed = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{signed}.{b64(hmac.digest(secret, signed.encode(), getattr(hashlib, f'sha{bits}')))}"
