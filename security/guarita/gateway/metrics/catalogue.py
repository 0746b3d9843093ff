"""Every metric by name: what it counts, and by which labels. None of them holds a subject, a path or a token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

PREFIX: Final = "guarita_gateway_"
SECONDS: Final = (
    0.000025, 0.0001, 0.00025, 0.001, 0.0025, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0,
)  # fmt: skip
"""Bounds of the histogram's buckets: from a look into a table to an issuer that hangs."""


@dataclass(frozen=True, slots=True)
class Described:
    """One metric."""

    name: str
    """Without the prefix, and for a counter without `_total`."""
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    text: str
    together: Literal["livesum", "livemin", "livemax", ""] = ""
    """How a gauge of several processes is one."""

    @property
    def whole(self) -> str:
        """As it is scraped."""
        return f"{PREFIX}{self.name}{'_total' if self.kind == 'counter' else ''}"


METRICS: Final = {
    one.name: one
    for one in (
        Described("decisions", "counter", ("outcome", "code", "rule"), "Decisions: granted, refused, or undecided (503), by code and access rule."),
        Described("decision_seconds", "histogram", ("outcome",), "How long a decision took, what it waited for included."),
        Described("remembered", "counter", ("rule",), "Requests that passed by the decision of a moment ago."),
        Described("credentials", "counter", ("authenticator",), "Grants by the kind of credential."),
        Described("limited", "counter", ("limit",), "Requests that a limit refused."),
        Described("cache", "counter", ("cache", "outcome"), "Lookups of tokens, introspection's answers and API keys: hit or miss."),
        Described("asked", "counter", ("dependency", "outcome"), "Questions to what decides with us: answered or failed."),
        Described("up", "gauge", ("dependency",), "1 where it answered the last time, 0 where not.", "livemin"),
        Described("keys", "gauge", ("issuer",), "Usable keys of an issuer.", "livemin"),
        Described("keys_left_out", "gauge", ("issuer",), "Keys that an issuer publishes and that are not used.", "livemax"),
        Described("keys_fetched_timestamp_seconds", "gauge", ("issuer",), "When an issuer's keys were fetched last.", "livemin"),
        Described("revocations", "gauge", (), "Revocations that are known.", "livemin"),
        Described("revocations_heard_timestamp_seconds", "gauge", (), "When what is revoked was heard last.", "livemin"),
        Described("ledger_waiting", "gauge", (), "Decisions that wait to be written.", "livesum"),
        Described("ledger_untold", "counter", (), "Decisions that were not told, since too many waited."),
        Described("policy_right", "gauge", (), "0 while the policy's file is wrong, and the old policy decides.", "livemin"),
        Described("sockets", "gauge", (), "WebSockets that are open.", "livesum"),
    )
}  # fmt: skip
"""By name."""
