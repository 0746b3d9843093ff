"""`rotation.metrics` in guarita.yaml: where Prometheus finds how old every secret is."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from guarita.config.rotation_base import NonEmpty, Timeout
from guarita.config.section import Section


class MetricsSection(Section, frozen=True, kw_only=True):
    """Metrics of each run."""

    textfile: (
        Annotated[
            str,
            Meta(
                pattern=r"\.prom$",
                description="A file for node_exporter's textfile collector, replaced whole.",
            ),
        ]
        | None
    ) = None
    pushgateway: Annotated[str, Meta(pattern="^https?://", description="Its address.")] | None = None
    job: NonEmpty = "guarita-rotation"
    timeout_seconds: Timeout = 10.0
