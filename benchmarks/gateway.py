"""What the gateway costs: in one run and one process without a network, then behind a socket, then in an outage.

A token seen before: microseconds over bare Starlette, the access decision included. A new token: the whole verification
against the raw signature check by cryptography, and against PyJWT, Authlib and joserfc with the same checks. FastAPI:
against the usual dependency. Access decisions: against pycasbin and cedarpy (`access.py` says more). Then
`guarita gateway serve` under wrk, and tokens of known keys while their issuer's key endpoint hangs.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))
sys.path.insert(0, str(Path(__file__).parent))
import access
from gateway_parts import applications, outage, serving, tokens
from harness import Bench


def main() -> int:
    """Run it."""
    bench = Bench.started("guarita gateway: what it adds to requests, tokens and decisions")
    quick = bench.quick
    rounds, count = (7, 2_000) if quick else (15, 5_000)
    applications.starlette(bench, rounds, count)
    applications.fastapi(bench, rounds, count)
    for algorithm in ("RS256", "ES256", "EdDSA"):
        tokens.measure(bench, algorithm, rounds, 200 if quick else 2_000)
    for roles in (10, 100, 1000):
        access.measure(bench, roles)
    serving.measure(bench, *(2, 2) if quick else (5, 5))
    outage.measure(bench, rounds, 100 if quick else 500)
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())
