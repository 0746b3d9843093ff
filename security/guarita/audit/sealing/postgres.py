"""Subjects' keys in PostgreSQL, in a schema of their own beside the ledger's: `SCHEMA_keys`.

What a DELETE leaves in a table's pages is gone after the table was rewritten, here by ALTER TABLE, which copies no row that is
dead, whatever old snapshots others hold (VACUUM FULL keeps such rows). The server's write-ahead log, its archive and its
replicas' backups hold the old bytes until they are recycled: there only a master key helps.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from psycopg import sql

from guarita.audit.errors import LedgerUnavailableError
from guarita.audit.sealing.interface import ID_SIZE, KEY_SIZE, KeyStore, SubjectKey
from guarita.audit.sealing.wrap import Remembering, Wrap
from guarita.audit.stores.postgres_session import Place, Session, explained

SUFFIX: Final = "_keys"
_LOOKUP_NAME: Final = b"lookup"
_SCHEMA: Final = b"""
CREATE TABLE log (origin text NOT NULL, lookup bytea NOT NULL);
CREATE TABLE subject (lookup bytea PRIMARY KEY, id bytea NOT NULL UNIQUE, key bytea NOT NULL);
CREATE TABLE destroyed (id bytea PRIMARY KEY, recorded boolean NOT NULL);
"""
_REWRITE: Final = b"ALTER TABLE subject ALTER COLUMN key TYPE bytea USING set_byte(key, 0, get_byte(key, 0))"


class PostgresKeys(KeyStore):
    """A key store in a schema of the ledger's database, made with the first key."""

    def __init__(self, place: Place, origin: str, wrap: Wrap, *, read_only: bool = False) -> None:
        self.place = msgspec.structs.replace(place, schema=place.schema + SUFFIX)
        self._origin = origin
        self._wrap = Remembering(wrap)
        self._read_only = read_only
        self._session = Session(self.place, read_only=read_only)
        self._known = False

    def current(self, subject: str) -> SubjectKey:
        with self._used():
            self._make()
            lookup = self._keyed(subject)
            row = self._one("SELECT id, key FROM subject WHERE lookup = %s", lookup)
            if row is None:
                key_id, key = os.urandom(ID_SIZE), os.urandom(KEY_SIZE)
                # Of several nodes that make one at once the first stands.
                self._session.connection().execute(
                    "INSERT INTO subject VALUES (%s, %s, %s) ON CONFLICT (lookup) DO NOTHING",
                    (lookup, key_id, self._wrap.wrap(key, key_id)),
                )
                row = self._one("SELECT id, key FROM subject WHERE lookup = %s", lookup)
            if row is None:
                raise LedgerUnavailableError(
                    "audit.unavailable", f"{self.place.shown}: the key was erased meanwhile"
                )
            return SubjectKey(row[0], self._wrap.unwrap(row[1], row[0]))

    def of_subject(self, subject: str) -> bytes | None:
        with self._used():
            row = self._there() and self._one(
                "SELECT id FROM subject WHERE lookup = %s", self._keyed(subject)
            )
            return row[0] if row else None

    def key(self, key_id: bytes) -> bytes | None:
        with self._used():
            row = self._there() and self._one("SELECT key FROM subject WHERE id = %s", key_id)
            return self._wrap.unwrap(row[0], key_id) if row else None

    def all(self) -> list[bytes]:
        with self._used():
            return [row[0] for row in self._session.fetch("SELECT id FROM subject")] if self._there() else []

    def destroyed(self, key_id: bytes) -> bool:
        with self._used():
            return bool(self._there() and self._one("SELECT 1 FROM destroyed WHERE id = %s", key_id))

    def destroy(self, key_ids: Iterable[bytes]) -> None:
        with self._used():
            if not self._there():
                return
            self._wrap.forget()
            gone = list(key_ids)
            connection = self._session.connection()
            with connection.transaction():
                connection.execute("DELETE FROM subject WHERE id = ANY(%s)", (gone,))
                connection.execute(
                    "INSERT INTO destroyed SELECT unnest(%s::bytea[]), false "
                    "ON CONFLICT (id) DO UPDATE SET recorded = false",
                    (gone,),
                )

    def scrub(self) -> None:
        with self._used():
            if self._there():
                self._session.connection().execute(_REWRITE)

    def unrecorded(self) -> list[bytes]:
        with self._used():
            if not self._there():
                return []
            return [
                row[0]
                for row in self._session.fetch("SELECT id FROM destroyed WHERE NOT recorded ORDER BY id")
            ]

    def recorded(self, key_id: bytes) -> None:
        with self._used():
            self._session.connection().execute(
                "UPDATE destroyed SET recorded = true WHERE id = %s", (key_id,)
            )

    def close(self) -> None:
        self._session.drop()
        self._wrap.forget()

    @contextmanager
    def _used(self) -> Iterator[None]:
        with explained(self.place, "used"), self._session:
            try:
                yield
            except BaseException:
                # Whatever was under way ends with the connection; the next use makes another.
                self._session.drop()
                raise

    def _there(self) -> bool:
        if not self._known:
            self._known = bool(
                self._session.fetch(
                    "SELECT 1 FROM information_schema.tables WHERE table_schema = %s AND table_name = 'destroyed'",
                    (self.place.schema,),
                )
            )
            if self._known:
                self._check()
        return self._known

    def _check(self) -> None:
        ((origin,),) = self._session.fetch("SELECT origin FROM log")
        if origin != self._origin:
            self._known = False
            raise LedgerUnavailableError(
                "audit.key-origin",
                f"{self.place.shown}: keys of the log {origin}, and this log is {self._origin}",
            )

    def _make(self) -> None:
        if self._there():
            return
        if self._read_only:
            raise LedgerUnavailableError("audit.read-only", f"{self.place.shown}: not open for writing")
        kept = self._wrap.wrap(os.urandom(KEY_SIZE), _LOOKUP_NAME)
        connection = self._session.connection()
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (self.place.schema,))
            if self._there():
                return
            schema = sql.Identifier(self.place.schema)
            connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(schema))
            connection.execute(_SCHEMA)
            connection.execute("INSERT INTO log VALUES (%s, %s)", (self._origin, kept))

    def _keyed(self, subject: str) -> bytes:
        ((kept,),) = self._session.fetch("SELECT lookup FROM log")
        return hmac.digest(
            self._wrap.unwrap(kept, _LOOKUP_NAME), subject.encode(errors="surrogatepass"), "sha256"
        )

    def _one(self, query: str, value: bytes) -> tuple[Any, ...] | None:
        rows = self._session.fetch(query, (value,))
        return rows[0] if rows else None
