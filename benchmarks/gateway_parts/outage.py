"""What a key endpoint that hangs costs requests whose keys are known."""

from __future__ import annotations

import asyncio
import statistics
import time

import jwt
from harness import Bench

from guarita.gateway.interface import Request
from guarita.gateway.keys import KeyBounds, KeySource
from guarita.gateway.outbound import Outbound
from guarita.gateway.testing import LocalIssuer
from guarita.gateway.tokens.authenticator import JwtAuthenticator
from guarita.gateway.tokens.claims import Expectation
from guarita.gateway.tokens.verifier import Trust, Verifier

BAR = 1.5
"""Times what it costs while the endpoint answers: nothing, and room for the machine's own noise."""
TIMEOUT = 2.0
"""Seconds that either waits for an answer."""


def measure(bench: Bench, rounds: int, count: int) -> None:
    """New tokens of a known key in batches, while the endpoint answers and while it hangs and the set is overdue."""
    with LocalIssuer(algorithm="EdDSA") as issuer:
        ours = asyncio.run(_ours(issuer, rounds, count))
        bench.add("new token of a known key, key endpoint hung / answering", ours, "ratio", at_most=BAR)
        issuer.fault = None
        client = jwt.PyJWKClient(issuer.jwks_uri, lifespan=1, timeout=TIMEOUT)
        token = issuer.mint()
        client.get_signing_key_from_jwt(token)
        time.sleep(1.1)
        issuer.fault = "hang"
        started = time.perf_counter()
        try:
            client.get_signing_key_from_jwt(token)
        except jwt.PyJWKClientError:
            bench.add("the same by PyJWT's client: one request waited", time.perf_counter() - started, "s")


async def _ours(issuer: LocalIssuer, rounds: int, count: int) -> float:
    # The clock is ours, so that the set is overdue without waiting for it.
    clock = [0.0]
    source = KeySource(
        issuer.issuer,
        issuer.jwks_uri,
        Outbound(timeout=TIMEOUT, insecure_loopback=True),
        bounds=KeyBounds(refresh_min=60, refresh=60, refresh_max=60, failure_cooldown=5),
        clock=lambda: clock[0] + time.monotonic(),
    )
    verifier = Verifier([Trust(Expectation(issuer.issuer, frozenset({issuer.audience})))])
    authenticator = JwtAuthenticator(verifier, {issuer.issuer: source})

    async def batch() -> float:
        tokens = [issuer.mint().encode() for _ in range(count)]
        requests = [Request("GET", "/docs", ((b"authorization", b"Bearer " + token),)) for token in tokens]
        started = time.perf_counter()
        for request in requests:
            await authenticator.authenticate(request)
        return time.perf_counter() - started

    await batch()
    ratios = []
    for _ in range(rounds):
        issuer.fault = None
        answering = await batch()
        issuer.fault = "hang"
        clock[0] += 61
        ratios.append(await batch() / answering)
        clock[0] += 6  # beyond the cooldown of a failure, so that each round finds it hung anew
    issuer.fault = None
    issuer.release()
    await asyncio.sleep(0.1)  # what hung ends
    await authenticator.aclose()
    return statistics.median(ratios)
