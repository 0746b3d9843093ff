"""The state of alerts in PostgreSQL, in a schema beside the ledger's: `SCHEMA_alerts`.

Couriers of several nodes take turns by an advisory lock that ends with the transaction
(https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql

from guarita.audit.errors import LedgerUnavailableError
from guarita.audit.stores.postgres_session import Place, Session, explained
from guarita.detection.alerts.stores.interface import FORMAT, SCHEMA, Database, Execute
from guarita.errors import UsageError

SUFFIX: Final = "_alerts"


class PostgresDatabase(Database):
    """A schema of the ledger's database, made when it is opened first."""

    def __init__(self, ledger: Place) -> None:
        """`ledger` is where the ledger is. Raises UsageError `alerts.database` for another version's tables."""
        self.place = msgspec.structs.replace(ledger, schema=ledger.schema + SUFFIX)
        self._session = Session(self.place, read_only=False)
        with self.transaction() as execute:
            self._make(execute)

    def _make(self, execute: Execute) -> None:
        there = "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = 'meta'"
        if not execute(there, (self.place.schema,)):
            made = sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(self.place.schema))
            execute(made.as_string(), ())
            for statement in SCHEMA.split(";\n"):
                execute(statement, ())
        found = execute("SELECT value FROM meta WHERE key = 'format'", ())
        if found != [(FORMAT,)]:
            raise UsageError(
                "alerts.database", f"{self.place.shown}: made by another version of Guarita: format {found}"
            )

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Execute]:
        with explained(self.place, "written"), self._session as session:
            try:
                self._begin(session)

                def execute(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
                    text = statement.replace("?", "%s").encode()
                    cursor = session.connection().execute(text, tuple(values) or None)
                    return cursor.fetchall() if cursor.description else []

                yield execute
                session.connection().execute("COMMIT")
            except psycopg.OperationalError:
                # Whether it was written is not known. Every step is one that may be taken again.
                session.drop()
                raise
            except BaseException:
                with contextlib.suppress(psycopg.Error, LedgerUnavailableError):
                    session.connection().execute("ROLLBACK")
                raise

    def _begin(self, session: Session) -> None:
        turn = b"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
        try:
            session.connection().execute(turn)
        except psycopg.OperationalError:
            # The connection may have died while it was idle.
            session.drop()
            session.connection().execute(turn)
        session.connection().execute(
            "SELECT pg_advisory_xact_lock(hashtext(%s), 0)", (f"alerts:{self.place.schema}",)
        )

    def close(self) -> None:
        self._session.drop()
