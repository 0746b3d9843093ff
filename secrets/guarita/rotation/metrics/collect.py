"""From the state of secrets to metrics. Moments rather than ages: they stay true while nobody writes them anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from guarita.rotation.sealed.ages import SealingKeyAge

PREFIX: Final = "guarita_rotation"


@dataclass(frozen=True, kw_only=True)
class SecretState:
    """One secret. Moments are in seconds since the epoch."""

    name: str
    kind: str
    max_age: float
    """In seconds."""
    created: float | None = None
    """When what is in force was made; None where it is not known."""
    due: float | None = None
    phase: str = ""
    """Of a rotation that is under way."""
    expected: float | None = None
    """By when its next step is to be taken: soaks and retries are waited for, and are no standstill."""
    last: str = ""
    """How the last rotation ended: `done`, `rolled-back`."""
    last_at: float | None = None


@dataclass(frozen=True, kw_only=True)
class RunState:
    """The last run of all."""

    ended: float
    success: bool


def exposition(
    secrets: Sequence[SecretState], *, run: RunState | None = None, sealing: Sequence[SealingKeyAge] = ()
) -> CollectorRegistry:
    """Everything as gauges in a registry of its own."""
    registry = CollectorRegistry()

    def gauge(name: str, told: str, *labels: str) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", told, labels, registry=registry)

    created = gauge("secret_created_timestamp_seconds", "When the value in force was made.", "secret", "type")
    limit = gauge("secret_max_age_seconds", "The age that it must not reach.", "secret", "type")
    due = gauge("secret_due_timestamp_seconds", "From when it is due for rotation.", "secret", "type")
    unknown = gauge("secret_age_unknown", "1 where nobody knows how old it is.", "secret", "type")
    expected = gauge(
        "step_expected_timestamp_seconds", "By when the next step is to be taken.", "secret", "phase"
    )
    outcome = gauge("last_outcome_timestamp_seconds", "When the last rotation ended so.", "secret", "outcome")
    for secret in secrets:
        of = (secret.name, secret.kind)
        limit.labels(*of).set(secret.max_age)
        unknown.labels(*of).set(secret.created is None)
        for metric, moment in ((created, secret.created), (due, secret.due)):
            if moment is not None:
                metric.labels(*of).set(moment)
        if secret.phase and secret.expected is not None:
            expected.labels(secret.name, secret.phase).set(secret.expected)
        if secret.last and secret.last_at is not None:
            outcome.labels(secret.name, secret.last).set(secret.last_at)
    if run is not None:
        gauge("last_run_timestamp_seconds", "When a run last ended.").set(run.ended)
        gauge("last_run_success", "1 where it ended well.").set(run.success)
    key = gauge(
        "sealing_key_created_timestamp_seconds", "When the key was made that Secrets are sealed by.", "key"
    )
    for age in sealing:
        if age.newest:
            key.labels(age.name).set(age.created.timestamp())
    return registry


def text(registry: CollectorRegistry) -> str:
    """The registry in Prometheus' text format."""
    return generate_latest(registry).decode()
