"""The Celery application: `celery -A guarita.pii.worker worker`. Needs the extra `pii-worker`.

A message holds a reference, sealed, and never a document. It is acknowledged when the document's event is durable; a
worker that is killed before that leaves the message to another. Its configuration is the guarita.yaml that
GUARITA_CONFIG names, else the project's.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import celery
from celery.signals import worker_process_shutdown

from guarita import config
from guarita.audit import LedgerUnavailableError
from guarita.audit.locate import project
from guarita.config.pii import PiiSection
from guarita.errors import GuaritaError, UsageError
from guarita.pii.ingest import IngestGate
from guarita.pii.ingest.build import keyring, parts_of, settings
from guarita.pii.places.interface import PlaceError
from guarita.pii.queue.attempts import Attempts, RedisAttempts
from guarita.pii.queue.desk import PURPOSE, Desk

TASK: Final = "guarita.pii.check"
RETRIES: Final = 50
LONGEST_PAUSE: Final = 300
"""Seconds between two attempts while the ledger, a store or the counts cannot be reached."""
_VISIBILITY: Final = 3600


def broker_url(section: PiiSection) -> str:
    """The broker's URL. Raises UsageError `pii.broker` where the variable that should hold it does not."""
    place = section.queue.broker
    if not place.startswith("env:"):
        return place
    url = os.environ.get(place.removeprefix("env:"), "")
    if not url:
        raise UsageError(
            "pii.broker", f"the environment variable {place.removeprefix('env:')} names no broker"
        )
    return url


def make_app(path: Path | None = None, *, attempts: Attempts | None = None) -> celery.Celery:
    """The application of a configuration file. `attempts` count in the broker unless others are given.

    Raises UsageError.
    """
    section, _ = settings(path)
    url = broker_url(section)
    visibility = section.queue.visibility_seconds or max(_VISIBILITY, round(6 * section.reading.seconds))
    app = celery.Celery("guarita.pii", broker=url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        broker_connection_retry_on_startup=True,
        broker_transport_options={"visibility_timeout": visibility},
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_acks_on_failure_or_timeout=True,
        task_default_queue=section.queue.queue,
        task_ignore_result=True,
        task_serializer="json",
        # Celery's own words about a task would hold its arguments.
        task_send_sent_event=False,
        worker_hijack_root_logger=False,
        worker_prefetch_multiplier=1,
    )
    bench = _Bench(path, section, attempts)
    worker_process_shutdown.connect(lambda **_: bench.close(), weak=False)

    @app.task(name=TASK, bind=True, max_retries=RETRIES)  # type: ignore[untyped-decorator]  # Celery has no types
    def check(task: Any, sealed: str, tenant: str = "", *, redact: bool = False) -> None:
        """Check one document, whose reference is sealed."""
        try:
            bench.check(sealed, tenant, redact=redact)
        except (PlaceError, LedgerUnavailableError) as error:
            raise _again(task, error) from None
        except GuaritaError as error:
            if error.code in {"pii.vault-unavailable", "pii.attempts-unreachable", "process.stopped"}:
                raise _again(task, error) from None
            raise

    return app


def submit(
    app: celery.Celery, reference: str, *, path: Path | None = None, tenant: str = "", redact: bool = False
) -> str:
    """Put a document on the queue by its reference: a path below one of `pii.queue.roots`, or `s3://…`.

    Gives the message's id. Raises UsageError, and what Celery raises when the broker cannot be reached.
    """
    section, folder = settings(path)
    sealed = keyring(section, folder).sealed(PURPOSE, reference)
    sent = app.send_task(
        TASK, (sealed,), {"tenant": tenant, "redact": redact}, argsrepr="(…)", kwargsrepr="{…}"
    )
    return str(sent.id)


class _Bench:
    """What one process checks documents with, opened when the first comes: neither ledger nor workers survive a fork."""

    def __init__(self, path: Path | None, section: PiiSection, attempts: Attempts | None) -> None:
        self._path = path or project() / config.FILE_NAME
        self._section = section
        self._attempts = attempts
        self._open: tuple[int, IngestGate, Desk] | None = None

    def check(self, sealed: str, tenant: str, *, redact: bool) -> None:
        desk, attempts = self._desk(), self._counts()
        section, folder = settings(self._path)
        reference = keyring(section, folder).unsealed(PURPOSE, sealed)
        job = desk.job(tenant, reference)
        count = attempts.begun(job)
        if count > section.queue.attempts:
            desk.quarantine(tenant, reference, count - 1)
        else:
            desk.check(tenant, reference, redact=redact)
        attempts.ended(job)

    def close(self) -> None:
        if self._open is not None and self._open[0] == os.getpid():
            self._open[1].close()
            self._open = None

    def _counts(self) -> Attempts:
        if self._attempts is None:
            url = broker_url(self._section)
            if not url.startswith(("redis://", "rediss://", "unix://")):
                raise UsageError(
                    "pii.attempts",
                    "attempts are counted in Redis",
                    hint="give make_app() your own `attempts`",
                )
            self._attempts = RedisAttempts(url)
        return self._attempts

    def _desk(self) -> Desk:
        if self._open is None or self._open[0] != os.getpid():
            section, options = parts_of(self._path)
            ledger = options["ledger"]
            if ledger is None:
                raise UsageError("pii.no-ledger", "results of the queue are in the ledger, and there is none")
            gate = IngestGate(section, **options)
            folder = self._path.absolute().parent
            self._open = (os.getpid(), gate, Desk(section, folder, gate, options["keys"], ledger))
        return self._open[2]


def _again(task: Any, error: GuaritaError) -> Exception:
    """The exception by which Celery tries again later. It names the kind of error only."""
    pause = min(LONGEST_PAUSE, 2 ** min(task.request.retries, 10))
    retry: Exception = task.retry(countdown=pause, exc=GuaritaError(error.code, error.message), throw=False)
    return retry


def __getattr__(name: str) -> Any:
    """`app`, made when it is first asked for: importing this module reads no configuration."""
    if name != "app":
        raise AttributeError(name)
    path = os.environ.get("GUARITA_CONFIG")
    made = make_app(Path(path) if path else None)
    globals()["app"] = made
    return made
