"""Which database belongs to a ledger."""

from __future__ import annotations

from pathlib import Path

from guarita.audit.ledger import Ledger
from guarita.audit.stores.interface import Store
from guarita.detection.alerts.stores.interface import Database
from guarita.detection.alerts.stores.sqlite import SqliteDatabase
from guarita.errors import MissingExtraError


def beside(ledger: Ledger) -> Database:
    """The state of alerts beside this ledger; made where there is none.

    Raises UsageError `alerts.database`, LedgerUnavailableError, MissingExtraError.
    """
    store: Store = ledger.store
    paths = store.paths()
    if paths:
        return SqliteDatabase(_name(paths[0]))
    try:
        from guarita.audit.stores.postgres import PostgresStore  # noqa: PLC0415  # needs an extra
        from guarita.detection.alerts.stores.postgres import PostgresDatabase  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtraError("ledger-postgres", error.name or "psycopg") from error
    if not isinstance(store, PostgresStore):
        raise TypeError(f"no place for alerts beside a {type(store).__name__}")
    return PostgresDatabase(store.place)


def _name(ledger: Path) -> Path:
    return ledger.with_name(f"{ledger.stem}.alerts.db")
