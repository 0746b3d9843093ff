"""The state of alerts in a SQLite file beside the ledger's: `NAME.alerts.db`."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from guarita.audit.errors import LedgerUnavailableError
from guarita.audit.stores import sqlite_file as file
from guarita.detection.alerts.stores.interface import FORMAT, SCHEMA, Database, Execute
from guarita.errors import UsageError

APPLICATION_ID: Final = 0x67756161
"""`guaa`, in the file's header."""
_LOCK_TIMEOUT: Final = 30.0


class SqliteDatabase(Database):
    """A SQLite file in WAL mode with `synchronous=FULL`, made when it is opened first."""

    def __init__(self, path: Path) -> None:
        """Raises UsageError `alerts.database` for a file that is something else."""
        self.path = path.absolute()
        self._lock = threading.RLock()
        with file.explained(self.path, "opened"):
            file.prepare(self.path, create=True)
            self._connection: sqlite3.Connection | None = file.connect_writer(
                self.path, timeout=_LOCK_TIMEOUT
            )
            self._identity = file.identity(self.path)
        with self.transaction() as execute:
            self._make(execute)

    def _make(self, execute: Execute) -> None:
        if not execute("SELECT 1 FROM sqlite_master LIMIT 1", ()):
            for statement in SCHEMA.split(";\n"):
                execute(statement, ())
            execute(f"PRAGMA application_id = {APPLICATION_ID}", ())
        if execute("PRAGMA application_id", ()) != [(APPLICATION_ID,)]:
            raise UsageError("alerts.database", f"{self.path}: a database, but not one of alerts")
        found = execute("SELECT value FROM meta WHERE key = 'format'", ())
        if found != [(FORMAT,)]:
            raise UsageError(
                "alerts.database", f"{self.path}: made by another version of Guarita: format {found}"
            )

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Execute]:
        with self._lock, file.explained(self.path, "written"):
            connection = self._begun()

            def execute(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
                return connection.execute(statement, tuple(values)).fetchall()

            try:
                yield execute
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    with contextlib.suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")

    def _begun(self) -> sqlite3.Connection:
        if self._connection is None:
            raise LedgerUnavailableError("audit.closed", f"{self.path}: closed")
        file.still_there(self.path, self._identity)
        deadline = time.monotonic() + _LOCK_TIMEOUT
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not file.is_busy(error) or time.monotonic() > deadline:
                    raise
                time.sleep(random.uniform(0.0005, 0.002))  # noqa: S311  # jitter, no secret
            else:
                return self._connection

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None
