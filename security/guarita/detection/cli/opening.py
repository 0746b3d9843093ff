"""How the commands about alerts open the ledger, its alerts and their configuration."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from guarita import config
from guarita.audit import Ledger, open_configured
from guarita.audit.locate import project
from guarita.cli import Context
from guarita.config.detection_alerts import AlertsSection
from guarita.detection.alerts.channels.build import build_all
from guarita.detection.alerts.routing import Routing
from guarita.detection.alerts.stores.interface import Database
from guarita.detection.alerts.stores.locate import beside
from guarita.errors import UsageError


class Office(NamedTuple):
    """What a command works with."""

    ledger: Ledger
    database: Database
    routing: Routing


def section(context: Context) -> tuple[AlertsSection, Path]:
    """`detection.alerts` of guarita.yaml, and the file's folder. Raises UsageError where it says nothing."""
    file = context.config or project() / config.FILE_NAME
    found = config.load(file).detection.alerts
    if found is None:
        raise UsageError(
            "alerts.not-configured",
            f"{file} says nothing of alerts",
            hint="write `detection.alerts` with `channels` and `routes`: docs/alerts.md",
        )
    return found, file.parent


@contextlib.contextmanager
def opened(context: Context, *, sign: bool = False) -> Iterator[Office]:
    """The ledger, which must exist, open for writing; with `sign` it signs checkpoints as it grows."""
    wanted, folder = section(context)
    channels = build_all(wanted, folder)
    with open_configured(context.ledger, context.config, create=False, sign=sign) as ledger:
        database = beside(ledger)
        try:
            yield Office(ledger, database, Routing(wanted, channels))
        finally:
            database.close()
