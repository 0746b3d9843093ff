"""API keys in a SQLite file: for one machine."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from guarita.gateway.apikeys.interface import KeyRecord, KeyStore, StoreError, exists, must_be_active
from guarita.gateway.apikeys.records import COLUMNS, from_row, to_row

_SCHEMA: Final = """CREATE TABLE IF NOT EXISTS api_key (
key_id TEXT PRIMARY KEY, name TEXT NOT NULL, subject TEXT NOT NULL, environment TEXT NOT NULL, digest TEXT NOT NULL,
pepper TEXT NOT NULL, created REAL NOT NULL, expires REAL NOT NULL, scopes TEXT NOT NULL, roles TEXT NOT NULL,
revoked REAL, replaced_by TEXT, last_used INTEGER) WITHOUT ROWID"""
_LIST: Final = ", ".join(COLUMNS)
_INSERT: Final = f"INSERT INTO api_key ({_LIST}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608  # constants
_SELECT: Final = f"SELECT {_LIST} FROM api_key"  # noqa: S608  # constants


class SqliteKeyStore(KeyStore):
    """Keys in a file that only its owner can read."""

    def __init__(self, path: Path, *, timeout: float, create: bool = False) -> None:
        """`timeout` is in seconds. Without `create` the file must be there when it is first asked."""
        self._path = path
        self._timeout = timeout
        self._create = create
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._process = 0

    def add(self, record: KeyRecord) -> None:
        with self._writing() as connection:
            _insert(connection, record)

    def get(self, key_id: str) -> KeyRecord | None:
        with self._connected() as connection:
            return self._find(connection, key_id)

    def every(self) -> list[KeyRecord]:
        with self._connected() as connection:
            rows = connection.execute(_SELECT + " ORDER BY created, key_id").fetchall()
        return [from_row(row, str(self._path)) for row in rows]

    def revoke(self, key_id: str, at: float) -> KeyRecord | None:
        with self._writing() as connection:
            connection.execute(
                "UPDATE api_key SET revoked = ? WHERE key_id = ? AND revoked IS NULL", (at, key_id)
            )
            return self._find(connection, key_id)

    def replace(self, key_id: str, new: KeyRecord, *, old_expires: float, now: float) -> None:
        with self._writing() as connection:
            must_be_active(self._find(connection, key_id), key_id, now)
            _insert(connection, new)
            connection.execute(
                "UPDATE api_key SET replaced_by = ?, expires = min(expires, ?) WHERE key_id = ?",
                (new.key_id, old_expires, key_id),
            )

    def used(self, uses: Mapping[str, int]) -> None:
        with self._writing() as connection:
            connection.executemany(
                "UPDATE api_key SET last_used = ? WHERE key_id = ? AND coalesce(last_used, 0) < ?",
                [(at, key_id, at) for key_id, at in uses.items()],
            )

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _find(self, connection: sqlite3.Connection, key_id: str) -> KeyRecord | None:
        row = connection.execute(_SELECT + " WHERE key_id = ?", (key_id,)).fetchone()
        return None if row is None else from_row(row, str(self._path))

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._connection is None or self._process != os.getpid():
                    self._connection = self._open()
                    self._process = os.getpid()
                yield self._connection
            except (sqlite3.Error, OSError) as error:
                raise StoreError(str(self._path), type(error).__name__) from error

    def _open(self) -> sqlite3.Connection:
        if self._create:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=self._timeout,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if self._create:
            connection.execute(_SCHEMA)
        return connection


def _insert(connection: sqlite3.Connection, record: KeyRecord) -> None:
    try:
        connection.execute(_INSERT, to_row(record))
    except sqlite3.IntegrityError:
        raise exists(record.key_id) from None
