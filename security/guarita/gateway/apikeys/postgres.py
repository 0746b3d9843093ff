"""API keys in PostgreSQL: for many nodes."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

import psycopg

from guarita.gateway.apikeys.interface import KeyRecord, KeyStore, StoreError, exists, must_be_active
from guarita.gateway.apikeys.records import COLUMNS, from_row, to_row

_TABLE: Final = "guarita_api_key"
_LOCK: Final = 0x677274_6B6579
"""The advisory lock under which the table is made: CREATE TABLE IF NOT EXISTS alone can collide."""
_SCHEMA: Final = f"""CREATE TABLE IF NOT EXISTS {_TABLE} (
key_id text PRIMARY KEY, name text NOT NULL, subject text NOT NULL, environment text NOT NULL, digest text NOT NULL,
pepper text NOT NULL, created float8 NOT NULL, expires float8 NOT NULL, scopes text NOT NULL, roles text NOT NULL,
revoked float8, replaced_by text, last_used bigint)"""
_LIST: Final = ", ".join(COLUMNS)
_INSERT: Final = f"INSERT INTO {_TABLE} ({_LIST}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"  # noqa: S608  # constants
_SELECT: Final = f"SELECT {_LIST} FROM {_TABLE}"  # noqa: S608  # constants
_PLACE: Final = "PostgreSQL"


class PostgresKeyStore(KeyStore):
    """Keys in the table `guarita_api_key`. The password comes by libpq's own ways: PGPASSWORD, PGPASSFILE."""

    def __init__(self, url: str, *, timeout: float, create: bool = False) -> None:
        """`timeout` is in seconds, for each call; `create` makes the table where it is missing."""
        self._url = url
        self._timeout = timeout
        self._create = create
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._process = 0

    def add(self, record: KeyRecord) -> None:
        with self._connected() as connection:
            _insert(connection, record)

    def get(self, key_id: str) -> KeyRecord | None:
        with self._connected() as connection:
            return _find(connection, key_id)

    def every(self) -> list[KeyRecord]:
        with self._connected() as connection:
            rows = connection.execute(_SELECT + " ORDER BY created, key_id").fetchall()
        return [from_row(row, _PLACE) for row in rows]

    def revoke(self, key_id: str, at: float) -> KeyRecord | None:
        with self._connected() as connection:
            connection.execute(
                f"UPDATE {_TABLE} SET revoked = %s WHERE key_id = %s AND revoked IS NULL",  # noqa: S608  # constants
                (at, key_id),
            )
            return _find(connection, key_id)

    def replace(self, key_id: str, new: KeyRecord, *, old_expires: float, now: float) -> None:
        with self._connected() as connection:
            must_be_active(_find(connection, key_id, " FOR UPDATE"), key_id, now)
            _insert(connection, new)
            connection.execute(
                f"UPDATE {_TABLE} SET replaced_by = %s, expires = least(expires, %s) WHERE key_id = %s",  # noqa: S608  # constants
                (new.key_id, old_expires, key_id),
            )

    def used(self, uses: Mapping[str, int]) -> None:
        with self._connected() as connection, connection.cursor() as cursor:
            cursor.executemany(
                f"UPDATE {_TABLE} SET last_used = %s WHERE key_id = %s AND coalesce(last_used, 0) < %s",  # noqa: S608  # constants
                [(at, key_id, at) for key_id, at in sorted(uses.items())],  # in one order: no deadlock
            )

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextlib.contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A transaction. A connection on which anything of the network's went wrong is not used again."""
        if not self._lock.acquire(timeout=self._timeout):
            raise StoreError(_PLACE, "others wait for it")
        try:
            if self._connection is None or self._connection.closed or self._process != os.getpid():
                self._connection = self._open()
            connection = self._connection
            with _bounded(connection, self._timeout), connection.transaction():
                yield connection
        except psycopg.Error as error:
            if self._connection is not None and isinstance(error, psycopg.OperationalError):
                self._connection.close()
                self._connection = None
            raise StoreError(_PLACE, type(error).__name__) from None  # its text may name host and user
        finally:
            self._lock.release()

    def _open(self) -> psycopg.Connection[tuple[Any, ...]]:
        connection = psycopg.connect(
            self._url,
            autocommit=True,
            connect_timeout=max(1, round(self._timeout)),
            application_name="guarita-gateway",
        )
        self._process = os.getpid()
        if self._create:
            with _bounded(connection, self._timeout), connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
                connection.execute(_SCHEMA)
        return connection


@contextlib.contextmanager
def _bounded(connection: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
    """Cut the connection when the block takes longer: a server that hangs answers no cancel request either."""
    cut = socket.socket(fileno=os.dup(connection.fileno()))
    timer = threading.Timer(seconds, _shut, (cut,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        cut.close()


def _shut(connected: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)


def _find(connection: psycopg.Connection[tuple[Any, ...]], key_id: str, lock: str = "") -> KeyRecord | None:
    row = connection.execute(_SELECT + " WHERE key_id = %s" + lock, (key_id,)).fetchone()
    return None if row is None else from_row(row, _PLACE)


def _insert(connection: psycopg.Connection[tuple[Any, ...]], record: KeyRecord) -> None:
    try:
        connection.execute(_INSERT, to_row(record))
    except psycopg.errors.UniqueViolation:
        raise exists(record.key_id) from None
