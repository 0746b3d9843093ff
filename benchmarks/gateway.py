"""What the gateway adds to a request, in one process and without a network.

A token seen before: microseconds over bare Starlette, the access decision included. A new token: the whole verification
against the raw signature check by cryptography, and against PyJWT's `decode` with the same checks.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))
sys.path.insert(0, str(Path(__file__).parent))
from harness import Bench
from minting import AUDIENCE, ISSUER, claims, header, jwk, new_key, sign

from guarita.gateway import Gateway, GatewayMiddleware
from guarita.gateway.interface import Authenticator, Principal
from guarita.gateway.keys import parse_key_set
from guarita.gateway.tokens.claims import Expectation
from guarita.gateway.tokens.verifier import Trust, Verifier
from guarita.policy import access

POLICY = b"""
gateway:
  access:
    roles: {reader: {allow: ["docs:read"]}}
    bindings: [{role: reader, scope: "docs:read"}]
    routes: [{path: "/docs/{number}", methods: [GET], permissions: ["docs:read"]}]
"""
SEEN_BAR = 4.0
"""Microseconds."""
NEW_BAR = 2.0
"""Times the raw signature check."""


class Known(Authenticator):
    """Whoever says so: what is measured is the gateway."""

    name = "jwt"
    by_authorization = True

    async def authenticate(self, request: object) -> Principal:  # noqa: ARG002
        return Principal("ana", issuer=ISSUER, scopes=frozenset({"docs:read"}), authenticator=self.name)


async def answer(_: object) -> PlainTextResponse:
    return PlainTextResponse("ok")


def requests_of(app: Callable, token: bytes) -> Callable[[int], float]:
    """A function that makes so many requests and gives the seconds they took."""
    headers = [(b"host", b"api"), (b"accept", b"*/*"), (b"user-agent", b"bench"), (b"authorization", token)]

    async def receive() -> dict:
        return {"type": "http.request", "body": b""}

    async def send(_: dict) -> None:
        return None

    def scope() -> dict:
        return {
            "type": "http", "method": "GET", "path": "/docs/42", "raw_path": b"/docs/42", "query_string": b"",
            "headers": headers, "client": ("127.0.0.1", 1), "server": ("api", 443), "scheme": "https",
            "http_version": "1.1", "root_path": "",
        }  # fmt: skip

    async def run(count: int) -> float:
        scopes = [scope() for _ in range(count)]
        started = time.perf_counter()
        for one in scopes:
            await app(one, receive, send)
        return time.perf_counter() - started

    return lambda count: asyncio.run(run(count))


def each(work: Callable[[], object], count: int) -> float:
    """Microseconds a call."""
    started = time.perf_counter()
    for _ in range(count):
        work()
    return (time.perf_counter() - started) / count * 1e6


def seen(rounds: int, count: int) -> float:
    """Microseconds that the middleware adds for a credential seen before: the median over pairs of runs."""
    bare = Starlette(routes=[Route("/docs/{number}", answer)])
    gateway = Gateway(access.parse(POLICY, "bench"), [Known()])
    token = b"Bearer " + b"x" * 700
    plain, guarded = requests_of(bare, token), requests_of(GatewayMiddleware(bare, gateway), token)
    plain(count), guarded(count)
    return statistics.median((guarded(count) - plain(count)) / count * 1e6 for _ in range(rounds))


def raw_check(algorithm: str, key: object, token: bytes) -> Callable[[], None]:
    """The signature alone, by cryptography."""
    signed, _, last = token.rpartition(b".")
    signature = jwt.utils.base64url_decode(last)
    public = key.public_key()
    if algorithm == "RS256":
        return lambda: public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    if algorithm == "ES256":
        der = encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
        return lambda: public.verify(der, signed, ec.ECDSA(hashes.SHA256()))
    return lambda: public.verify(signature, signed)


def new_tokens(algorithm: str, rounds: int, calls: int) -> None:
    """Whole verifications of tokens that were never seen, against their signatures alone and against PyJWT."""
    key = new_key(algorithm)
    keys = parse_key_set(json.dumps({"keys": [jwk(key, kid="k-1", alg=algorithm)]}).encode())
    verifier = Verifier([Trust(Expectation(ISSUER, frozenset({AUDIENCE})))])
    tokens = itertools.cycle([sign(key, header(algorithm), claims(jti=f"t-{n}")) for n in range(200)])
    now, public, required = time.time(), key.public_key(), {"require": ["exp", "iat", "sub", "jti"]}

    def by_us() -> object:
        return verifier.verify(verifier.open(next(tokens)), keys, now)

    def by_pyjwt() -> object:
        return jwt.decode(next(tokens), public, [algorithm], required, audience=AUDIENCE, issuer=ISSUER)

    by_cryptography = raw_check(algorithm, key, next(tokens))
    times = [[each(work, calls) for work in (by_us, by_cryptography, by_pyjwt)] for _ in range(rounds)]
    bench.add(f"new {algorithm} token, verified", statistics.median(ours for ours, _, _ in times), "us")
    ratio = statistics.median(ours / raw for ours, raw, _ in times)
    bench.add(f"new {algorithm} token / raw signature check", ratio, "ratio", at_most=NEW_BAR)
    ratio = statistics.median(ours / pyjwt for ours, _, pyjwt in times)
    bench.add(f"new {algorithm} token / PyJWT with the same checks", ratio, "ratio")


bench = Bench.started("guarita gateway, in one process and without a network")
rounds, count = (7, 2_000) if bench.quick else (15, 5_000)
bench.add("added to a request, token seen before", seen(rounds, count), "us", at_most=SEEN_BAR)
for name in ("RS256", "ES256", "EdDSA"):
    new_tokens(name, rounds, 300 if bench.quick else 2_000)
sys.exit(bench.finish())
