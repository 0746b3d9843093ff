"""Alerts delivered beside detection, in the process that detects."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from guarita.audit import Ledger
from guarita.cli import Context
from guarita.cli.main import show_error
from guarita.config.detection_alerts import AlertsSection
from guarita.detection.alerts.channels.build import build_all
from guarita.detection.alerts.courier import Courier
from guarita.detection.alerts.routing import Routing
from guarita.detection.alerts.stores.locate import beside


@contextlib.contextmanager
def delivering(
    context: Context, ledger: Ledger, section: AlertsSection | None, folder: Path, stop: threading.Event
) -> Iterator[None]:
    """Within the block alerts go out, if guarita.yaml has any. A courier that breaks sets `stop`; its error is raised."""
    if section is None:
        yield
        return
    database = beside(ledger)
    courier = Courier(ledger, database, Routing(section, build_all(section, folder)))
    errors: list[Exception] = []

    def work() -> None:
        try:
            courier.begin()
            courier.follow(stop, lambda error: show_error(error, as_json=context.json))
        except Exception as error:  # noqa: BLE001  # a thread's end must not go unseen
            errors.append(error)
            stop.set()

    thread = threading.Thread(target=work, name="alerts")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        database.close()
    if errors:
        raise errors[0]
