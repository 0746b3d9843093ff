"""Subjects' keys in a SQLite file beside the ledger's.

A rollback journal, deleted with each commit, rather than a write-ahead log: no frame of an old page outlives the
transaction. `secure_delete` overwrites what is deleted, `VACUUM` what rebalancing left in the gaps of other pages
(https://sqlite.org/pragma.html#pragma_secure_delete), and `synchronous=EXTRA` makes the end of the journal durable.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from guarita.audit.errors import LedgerUnavailableError
from guarita.audit.sealing.interface import ID_SIZE, KEY_SIZE, KeyStore, SubjectKey
from guarita.audit.sealing.wrap import Remembering, Wrap
from guarita.audit.stores import sqlite_file as file
from guarita.errors import UsageError

APPLICATION_ID: Final = 0x6775616B
"""`guak`, in the file's header."""
_LOCK_TIMEOUT: Final = 30.0
_SCHEMA: Final = """
CREATE TABLE log (origin TEXT NOT NULL, lookup BLOB NOT NULL);
CREATE TABLE subject (lookup BLOB PRIMARY KEY, id BLOB NOT NULL UNIQUE, key BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE destroyed (id BLOB PRIMARY KEY, recorded INTEGER NOT NULL) WITHOUT ROWID;
"""
_LOOKUP_NAME: Final = b"lookup"


class SqliteKeys(KeyStore):
    """A key store in a SQLite file, made with the first key."""

    def __init__(self, path: Path, origin: str, wrap: Wrap, *, read_only: bool = False) -> None:
        self.path = path.absolute()
        self._origin = origin
        self._wrap = Remembering(wrap)
        self._read_only = read_only
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._identity = (0, 0)

    def current(self, subject: str) -> SubjectKey:
        with self._opened(create=True) as connection:
            if connection is None:
                raise LedgerUnavailableError("audit.read-only", f"{self.path}: not open for writing")
            # A key in a file without a name would be lost, and with it every value sealed under it.
            file.still_there(self.path, self._identity)
            with _transaction(connection):
                lookup = self._keyed(subject)
                row = self._one("SELECT id, key FROM subject WHERE lookup = ?", lookup)
                if row is not None:
                    return SubjectKey(row[0], self._wrap.unwrap(row[1], row[0]))
                made = SubjectKey(os.urandom(ID_SIZE), os.urandom(KEY_SIZE))
                kept = self._wrap.wrap(made.key, made.id)
                connection.execute("INSERT INTO subject VALUES (?, ?, ?)", (lookup, made.id, kept))
            return made

    def of_subject(self, subject: str) -> bytes | None:
        with self._opened() as connection:
            row = connection and self._one("SELECT id FROM subject WHERE lookup = ?", self._keyed(subject))
            return row[0] if row else None

    def key(self, key_id: bytes) -> bytes | None:
        with self._opened() as connection:
            row = connection and self._one("SELECT key FROM subject WHERE id = ?", key_id)
            return self._wrap.unwrap(row[0], key_id) if row else None

    def all(self) -> list[bytes]:
        with self._opened() as connection:
            return (
                [] if connection is None else [row[0] for row in connection.execute("SELECT id FROM subject")]
            )

    def destroyed(self, key_id: bytes) -> bool:
        with self._opened() as connection:
            return bool(connection and self._one("SELECT 1 FROM destroyed WHERE id = ?", key_id))

    def destroy(self, key_ids: Iterable[bytes]) -> None:
        with self._opened() as connection:
            if connection is None:
                return
            self._wrap.forget()
            with _transaction(connection):
                for key_id in key_ids:
                    connection.execute("DELETE FROM subject WHERE id = ?", (key_id,))
                    connection.execute("INSERT OR REPLACE INTO destroyed VALUES (?, 0)", (key_id,))

    def scrub(self) -> None:
        with self._opened() as connection:
            if connection is not None:
                connection.execute("VACUUM")

    def unrecorded(self) -> list[bytes]:
        with self._opened() as connection:
            if connection is None:
                return []
            return [
                row[0]
                for row in connection.execute("SELECT id FROM destroyed WHERE NOT recorded ORDER BY id")
            ]

    def recorded(self, key_id: bytes) -> None:
        with self._opened() as connection:
            if connection is not None:
                connection.execute("UPDATE destroyed SET recorded = 1 WHERE id = ?", (key_id,))

    def paths(self) -> tuple[Path, ...]:
        return (self.path, self.path.with_name(f"{self.path.name}-journal"))

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            self._wrap.forget()

    @contextlib.contextmanager
    def _opened(self, *, create: bool = False) -> Iterator[sqlite3.Connection | None]:
        """The connection; None when there is no file and none is to be made."""
        with self._lock, file.explained(self.path, "used"):
            if self._connection is None and (self._there() or (create and not self._read_only)):
                self._connection = self._connect()
                self._identity = file.identity(self.path)
            yield self._connection

    def _there(self) -> bool:
        # Who may read the log need not be able to read the keys.
        return self.path.exists() and (not self._read_only or os.access(self.path, os.R_OK))

    def _connect(self) -> sqlite3.Connection:
        if not self._read_only:
            file.prepare(self.path, create=True)
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode={'ro' if self._read_only else 'rw'}",
            uri=True,
            timeout=_LOCK_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            if not self._read_only:
                for setting in ("journal_mode = DELETE", "synchronous = EXTRA", "secure_delete = ON"):
                    connection.execute(f"PRAGMA {setting}")
                # Also what VACUUM builds the new file from stays off the disk.
                connection.execute("PRAGMA temp_store = MEMORY")
                with _transaction(connection):
                    self._create(connection)
            self._check(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _create(self, connection: sqlite3.Connection) -> None:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            return
        for statement in filter(str.strip, _SCHEMA.split(";\n")):
            connection.execute(statement)
        kept = self._wrap.wrap(os.urandom(KEY_SIZE), _LOOKUP_NAME)
        connection.execute("INSERT INTO log VALUES (?, ?)", (self._origin, kept))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")

    def _check(self, connection: sqlite3.Connection) -> None:
        if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise UsageError("audit.not-a-key-store", f"{self.path}: not a store of subjects' keys")
        (origin,) = connection.execute("SELECT origin FROM log").fetchone()
        if origin != self._origin:
            raise UsageError(
                "audit.key-origin", f"{self.path}: keys of the log {origin}, and this log is {self._origin}"
            )

    def _keyed(self, subject: str) -> bytes:
        (kept,) = self._one("SELECT lookup FROM log")
        return hmac.digest(
            self._wrap.unwrap(kept, _LOOKUP_NAME), subject.encode(errors="surrogatepass"), "sha256"
        )

    def _one(self, query: str, *values: bytes) -> Any:
        return self._connection and self._connection.execute(query, values).fetchone()


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
