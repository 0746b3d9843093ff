"""Metrics to where Prometheus finds them: a textfile that is replaced whole, or a pushgateway."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import push_to_gateway

from guarita.config.rotation_metrics import MetricsSection
from guarita.rotation.errors import TransientError
from guarita.rotation.files import write_whole
from guarita.rotation.metrics.collect import text

_READABLE = 0o644


def publish(registry: CollectorRegistry, section: MetricsSection, folder: Path) -> None:
    """Write and push, as configured. `folder` is that of guarita.yaml.

    Raises GuaritaError `file.unwritable`, TransientError `metrics.pushgateway`. Neither makes a rotation undone: who
    calls says it and goes on.
    """
    if section.textfile is not None:
        write_whole(folder / section.textfile, text(registry), mode=_READABLE)
    if section.pushgateway is not None:
        try:
            push_to_gateway(
                section.pushgateway, job=section.job, registry=registry, timeout=section.timeout_seconds
            )
        except (URLError, OSError, ValueError) as error:
            raise TransientError(
                "metrics.pushgateway",
                f"{section.pushgateway}: took no metrics ({type(error).__name__})",
                hint="is it up, and does the NetworkPolicy allow it?",
            ) from None
