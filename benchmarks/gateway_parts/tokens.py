"""Whole verifications of tokens that were never seen, against their signatures alone and against three libraries, by CPU."""

from __future__ import annotations

import itertools
import json
import statistics
import time
import warnings
from collections.abc import Callable, Iterator

import jwt
from authlib.deprecate import AuthlibDeprecationWarning
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from harness import Bench
from joserfc import jwt as joserfc_jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import import_key
from minting import AUDIENCE, ISSUER, claims, header, jwk, new_key, sign

from guarita.gateway.keys import parse_key_set
from guarita.gateway.tokens.claims import Expectation
from guarita.gateway.tokens.verifier import Trust, Verifier

with warnings.catch_warnings():
    warnings.simplefilter(
        "ignore", AuthlibDeprecationWarning
    )  # Authlib's own JOSE is to be left for joserfc; much is built on it still
    from authlib.jose import JsonWebKey, JsonWebToken

warnings.simplefilter("ignore", SecurityWarning)  # that EdDSA is called Ed25519 since RFC 9864
NEW_BAR = 2.0
"""Times the raw signature check."""
TOKENS = 200
_CLAIMS = {
    "iss": {"essential": True, "value": ISSUER},
    "aud": {"essential": True, "value": AUDIENCE},
    **{name: {"essential": True} for name in ("exp", "iat", "sub", "jti")},
}


def each(work: Callable[[], object], count: int) -> float:
    """Microseconds a call."""
    started = time.process_time()
    for _ in range(count):
        work()
    return (time.process_time() - started) / count * 1e6


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


def peers(algorithm: str, key: object, tokens: Iterator[bytes]) -> dict[str, Callable[[], object]]:
    """The libraries, each told to check issuer, audience, times and the same required claims."""
    public, known = key.public_key(), jwk(key, kid="k-1", alg=algorithm)
    required = {"require": ["exp", "iat", "sub", "jti"]}
    by_authlib, authlib_key = JsonWebToken([algorithm]), JsonWebKey.import_key(known)
    joserfc_key, registry = import_key(known), joserfc_jwt.JWTClaimsRegistry(**_CLAIMS)

    def pyjwt() -> object:
        return jwt.decode(next(tokens), public, [algorithm], required, audience=AUDIENCE, issuer=ISSUER)

    def authlib() -> object:
        found = by_authlib.decode(next(tokens), authlib_key, claims_options=_CLAIMS)
        found.validate()
        return found

    def joserfc() -> object:
        found = joserfc_jwt.decode(next(tokens).decode(), joserfc_key, algorithms=[algorithm]).claims
        registry.validate(found)
        return found

    return {"PyJWT": pyjwt, "Authlib": authlib, "joserfc": joserfc}


def measure(bench: Bench, algorithm: str, rounds: int, calls: int) -> None:
    """One algorithm: ours, the signature alone, and the peers, in turn."""
    key = new_key(algorithm)
    keys = parse_key_set(json.dumps({"keys": [jwk(key, kid="k-1", alg=algorithm)]}).encode())
    verifier = Verifier([Trust(Expectation(ISSUER, frozenset({AUDIENCE})))])
    tokens = itertools.cycle([sign(key, header(algorithm), claims(jti=f"t-{n}")) for n in range(TOKENS)])
    now = time.time()

    def ours() -> object:
        return verifier.verify(verifier.open(next(tokens)), keys, now)

    works = {"ours": ours, "raw": raw_check(algorithm, key, next(tokens)), **peers(algorithm, key, tokens)}
    times = [{name: each(work, calls) for name, work in works.items()} for _ in range(rounds)]
    bench.add(f"new {algorithm} token, verified", statistics.median(one["ours"] for one in times), "us")
    ratio = statistics.median(one["ours"] / one["raw"] for one in times)
    bench.add(f"new {algorithm} token / raw signature check", ratio, "ratio", at_most=NEW_BAR)
    for name in list(works)[2:]:
        ratio = statistics.median(one["ours"] / one[name] for one in times)
        bench.add(f"new {algorithm} token / {name} with the same checks", ratio, "ratio")
