"""The Celery application: late acknowledgement, JSON only, bounded tasks, a heartbeat for the probe."""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery
from celery.signals import heartbeat_sent, worker_ready

HEARTBEAT = Path(os.environ.get("ACERVO_HEARTBEAT", "heartbeat"))


def _broker() -> str:
    folder = os.environ.get("ACERVO_SECRETS")
    return (Path(folder) / "broker-url").read_text(encoding="utf-8").strip() if folder else "memory://"


app = Celery("acervo_worker", broker=_broker(), include=["acervo_worker.tasks"])
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=300,
    task_soft_time_limit=270,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
)


@worker_ready.connect
@heartbeat_sent.connect
def _beat(**_: object) -> None:
    HEARTBEAT.touch()
