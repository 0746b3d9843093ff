"""`RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10), and `Retry-After` (RFC 9110 10.2.3)."""

from __future__ import annotations

from collections.abc import Sequence

from guarita.config.gateway_limits import LimitRule
from guarita.gateway.limits.interface import Count
from guarita.gateway.limits.refusal import Headers

_SLACK = 0.01
"""Seconds, so that who comes back to the second does not come a hair too early."""


def headers(rules: Sequence[LimitRule], counts: Sequence[Count]) -> Headers:
    """What a client is told of each limit: quota and window; what remains, and when there is more.

    Names of rules need no escaping as structured strings (RFC 9651): they are letters, digits and hyphens.
    """
    policy = ", ".join(f'"{rule.name}";q={rule.quota};w={rule.window}' for rule in rules)
    state = ", ".join(
        f'"{rule.name}";r={count.remaining};t={seconds(count)}'
        for rule, count in zip(rules, counts, strict=True)
    )
    told: list[tuple[bytes, bytes]] = [
        (b"ratelimit-policy", policy.encode()),
        (b"ratelimit", state.encode()),
    ]
    refused = [seconds(count) for count in counts if not count.allowed]
    if refused:
        told.append((b"retry-after", str(max(refused)).encode()))
    return tuple(told)


def seconds(count: Count) -> int:
    """Whole seconds, after which there is more."""
    return int(count.reset + _SLACK) + 1
