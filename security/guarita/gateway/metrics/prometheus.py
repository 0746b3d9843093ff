"""The gateway's metrics by Prometheus' own client, in one process or in several (`PROMETHEUS_MULTIPROC_DIR`)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakKeyDictionary

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from guarita.gateway.keys.source import KeyStatus
from guarita.gateway.metering import Cache, Dependency, Outcome
from guarita.gateway.metrics.catalogue import METRICS, PREFIX, SECONDS

MAX_SERIES: Final = 2_000
"""Sets of labels of one metric; what comes after is counted as `other`. Rules come and go with policies."""
OTHER: Final = "other"
_PROCESSES: Final = "PROMETHEUS_MULTIPROC_DIR"
_made: WeakKeyDictionary[CollectorRegistry, PrometheusMeter] = WeakKeyDictionary()


class PrometheusMeter:
    """A Meter. One for a registry, however many gateways a process has."""

    def __init__(self, registry: CollectorRegistry, now: Callable[[], float] = time.time) -> None:
        """`now` is the time of day, in seconds since the epoch."""
        self._now = now
        self._metrics = {name: _metric(name, registry) for name in METRICS}
        self._children: dict[tuple[str, ...], Any] = {}
        self._counts: dict[str, int] = dict.fromkeys(METRICS, 0)

    def decided(self, outcome: Outcome, code: str, rule: str, authenticator: str, seconds: float) -> None:
        self._of("decisions", outcome, code, rule).inc()
        self._of("decision_seconds", outcome).observe(seconds)
        if authenticator:
            self._of("credentials", authenticator).inc()

    def remembered(self, rule: str) -> None:
        self._of("remembered", rule).inc()

    def limited(self, limit: str) -> None:
        self._of("limited", limit).inc()

    def looked_up(self, cache: Cache, *, hit: bool) -> None:
        self._of("cache", cache, "hit" if hit else "miss").inc()

    def asked(self, dependency: Dependency, *, answered: bool) -> None:
        self._of("asked", dependency, "answered" if answered else "failed").inc()
        self._of("up", dependency).set(int(answered))

    def keys(self, status: KeyStatus, *, renewed: bool) -> None:
        self.asked("keys", answered=renewed)
        self._of("keys", status.issuer).set(status.keys)
        self._of("keys_left_out", status.issuer).set(len(status.left_out))
        if status.age is not None:
            self._of("keys_fetched_timestamp_seconds", status.issuer).set(self._now() - status.age)

    def revocations(self, known: int) -> None:
        self._of("revocations").set(known)
        self._of("revocations_heard_timestamp_seconds").set(self._now())

    def ledger(self, *, waiting: int, untold: int) -> None:
        self._of("ledger_waiting").set(waiting)
        if untold:
            self._of("ledger_untold").inc(untold)

    def policy(self, *, right: bool) -> None:
        self._of("policy_right").set(int(right))

    def sockets(self, change: int) -> None:
        self._of("sockets").inc(change)

    def _of(self, name: str, *labels: str) -> Any:
        key = (name, *labels)
        child = self._children.get(key)
        if child is None:
            metric = self._metrics[name]
            if self._counts[name] >= MAX_SERIES:
                labels = (OTHER,) * len(labels)
            self._counts[name] += 1
            child = metric.labels(*labels) if labels else metric
            if self._counts[name] <= MAX_SERIES:
                self._children[key] = child
        return child


def meter(registry: CollectorRegistry = REGISTRY) -> PrometheusMeter:
    """The meter of a registry: of the default one, beside the application's own metrics."""
    found = _made.get(registry)
    if found is None:
        found = _made[registry] = PrometheusMeter(registry)
    return found


def exposition(registry: CollectorRegistry = REGISTRY) -> tuple[bytes, bytes]:
    """Media type and text of all metrics there are, of all processes where they share a folder."""
    return CONTENT_TYPE_LATEST.encode(), generate_latest(whole(registry))


def whole(registry: CollectorRegistry = REGISTRY) -> CollectorRegistry:
    """The registry itself, or one of all processes."""
    if _PROCESSES not in os.environ:
        return registry
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # the library's own
    return together


def _metric(name: str, registry: CollectorRegistry) -> Any:
    one = METRICS[name]
    if one.kind == "counter":
        return Counter(PREFIX + name, one.text, one.labels, registry=registry)
    if one.kind == "histogram":
        return Histogram(PREFIX + name, one.text, one.labels, registry=registry, buckets=SECONDS)
    return Gauge(
        PREFIX + name, one.text, one.labels, registry=registry, multiprocess_mode=one.together or "all"
    )
