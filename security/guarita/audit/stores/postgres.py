"""The ledger in PostgreSQL: for many nodes, all in one sequence.

Writers take turns by the lock of the one head row, so that the sequence has no gaps (a database sequence would leave
some after a rollback). A COMMIT whose answer is lost is looked up by its transaction's id
(https://www.postgresql.org/docs/current/functions-info.html, pg_xact_status).
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import psycopg
from psycopg import sql

from guarita.audit.errors import LedgerUnavailableError
from guarita.audit.merkle.tree import CompactRange, Node
from guarita.audit.stores import postgres_session as server
from guarita.audit.stores import rows as rows_
from guarita.audit.stores.interface import (
    RESERVED,
    RESERVED_END,
    Appended,
    Checkpoint,
    Draft,
    Leaf,
    Plan,
    Store,
    plan,
)
from guarita.errors import UsageError

PIECE = 1024
"""Entries read at once."""
FORMAT = "1"

_SCHEMA = b"""
CREATE TABLE meta (key text PRIMARY KEY, value text NOT NULL);
CREATE TABLE head (id int PRIMARY KEY CHECK (id = 0), size bigint NOT NULL, peaks bytea NOT NULL);
CREATE TABLE entry (idx bigint PRIMARY KEY, hash bytea NOT NULL, uid bytea);
CREATE UNIQUE INDEX entry_uid ON entry (uid) WHERE uid IS NOT NULL;
CREATE TABLE body (idx bigint PRIMARY KEY, bytes bytea NOT NULL);
CREATE TABLE node (level int, idx bigint, hash bytea NOT NULL, PRIMARY KEY (level, idx));
CREATE TABLE checkpoint (size bigint PRIMARY KEY, note text NOT NULL, digest bytea NOT NULL);
CREATE TABLE verifier (vkey text PRIMARY KEY, position bigint GENERATED ALWAYS AS IDENTITY);
CREATE TABLE state (key text PRIMARY KEY, value text NOT NULL);
INSERT INTO head VALUES (0, 0, '');
"""
_LEAVES = "SELECT idx, hash, bytes, uid FROM entry JOIN body USING (idx) WHERE "
_KNOWN = (
    "SELECT idx, hash, coalesce(bytes, ''), uid FROM entry LEFT JOIN body USING (idx) WHERE uid = ANY(%s)"
)
_BEGIN = b"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT size, peaks, pg_current_xact_id()::text FROM head FOR UPDATE"
_WRITE = b"""
WITH e AS (INSERT INTO entry SELECT * FROM unnest(%s::bigint[], %s::bytea[], %s::bytea[])),
     b AS (INSERT INTO body SELECT * FROM unnest(%s::bigint[], %s::bytea[])),
     n AS (INSERT INTO node SELECT * FROM unnest(%s::int[], %s::bigint[], %s::bytea[]))
UPDATE head SET size = %s, peaks = %s
"""


class PostgresStore(Store):
    """A ledger in a schema of a PostgreSQL database."""

    def __init__(
        self, url: str, *, create: bool = True, read_only: bool = False, origin: str | None = None
    ) -> None:
        """Connect, and make the ledger with this `origin` (default: a random name) where there is none.

        Raises UsageError when it is not there and not to be made, LedgerUnavailableError.
        """
        self.place = server.Place.parse(url)
        self._read_only = read_only
        self._reader = server.Session(self.place, read_only=True)
        self._writer = server.Session(self.place, read_only=False)
        with self._explained("opened"):
            if not self._exists():
                if read_only or not create:
                    raise UsageError(
                        "audit.no-ledger",
                        f"{self.place.shown}: no ledger here",
                        hint="name it with --ledger or GUARITA_LEDGER",
                    )
                self._create(origin or f"guarita/{secrets.token_hex(8)}")
            meta = dict(self._reader.fetch("SELECT key, value FROM meta"))
        if meta.get("format") != FORMAT:
            raise UsageError(
                "audit.format",
                f"{self.place.shown}: ledger format {meta.get('format')}, and this version reads {FORMAT}",
            )
        self.origin = rows_.origin((meta.get("origin"),))

    def _exists(self) -> bool:
        found = self._reader.fetch(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = %s AND table_name = 'meta'",
            (self.place.schema,),
        )
        return bool(found)

    def _create(self, origin: str) -> None:
        with self._writer as session, session.connection().transaction():
            connection = session.connection()
            # Of several nodes that begin at once one makes it.
            connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (self.place.schema,))
            if self._exists():
                return
            schema = sql.Identifier(self.place.schema)
            connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(schema))
            connection.execute(_SCHEMA)
            connection.execute("INSERT INTO meta VALUES ('origin', %s), ('format', %s)", (origin, FORMAT))

    def append(self, drafts: Sequence[Draft]) -> list[Appended]:
        with self._explained("written"), self._writing() as session:
            try:
                made, transaction = self._turn(session, drafts)
                self._write(session.connection(), made)
                self._commit(session, transaction)
            except BaseException:
                # With the connection the transaction ends, and the turn of others comes.
                session.drop()
                raise
            return made.answers

    def _turn(self, session: server.Session, drafts: Sequence[Draft]) -> tuple[Plan, str]:
        try:
            return self._laid_out(session, drafts)
        except psycopg.errors.QueryCanceled:
            raise
        except psycopg.OperationalError:
            # Nothing was written yet: the connection may have died while it was idle.
            session.drop()
            return self._laid_out(session, drafts)

    def _laid_out(self, session: server.Session, drafts: Sequence[Draft]) -> tuple[Plan, str]:
        """Take the turn of writing, and see what is to be written."""
        connection = session.connection()
        cursor = connection.execute(_BEGIN)
        cursor.nextset()
        size, peaks, transaction = cursor.fetchone() or (None, None, "")
        keys = [draft.uid.encode() for draft in drafts if draft.uid is not None]
        known = connection.execute(_KNOWN.encode(), (keys,)).fetchall() if keys else []
        leaves = [_leaf(row) for row in known]
        made = plan(
            rows_.head((size, peaks)), drafts, {leaf.uid: leaf for leaf in leaves if leaf.uid is not None}
        )
        return made, transaction

    def _write(self, connection: server.Connection, made: Plan) -> None:
        if not made.leaves:
            return
        indexes = [leaf.index for leaf in made.leaves]
        connection.execute(
            _WRITE,
            (
                indexes,
                [leaf.hash for leaf in made.leaves],
                [None if leaf.uid is None else leaf.uid.encode() for leaf in made.leaves],
                indexes,
                [leaf.body for leaf in made.leaves],
                [node.level for node in made.nodes],
                [node.index for node in made.nodes],
                [node.hash for node in made.nodes],
                made.head.size,
                made.head.encode(),
            ),
        )

    def _commit(self, session: server.Session, transaction: str) -> None:
        try:
            session.connection().execute("COMMIT")
        except psycopg.OperationalError as error:
            session.drop()
            if not self._was_committed(session, transaction):
                raise LedgerUnavailableError(
                    "audit.unavailable", f"{self.place.shown}: the server was lost, and nothing was written"
                ) from error

    def _was_committed(self, session: server.Session, transaction: str) -> bool:
        def ask() -> bool:
            try:
                with session.connection().transaction():
                    # The lock is free only after the lost transaction has ended, one way or the other.
                    session.connection().execute("SELECT FROM head FOR UPDATE")
                    row = (
                        session.connection()
                        .execute("SELECT pg_xact_status(%s::text::xid8)", (transaction,))
                        .fetchone()
                    )
            except psycopg.OperationalError:
                session.drop()
                raise
            return row is not None and row[0] == "committed"

        try:
            return server.retried(ask, until=time.monotonic() + self.place.timeout)
        except psycopg.Error as error:
            raise LedgerUnavailableError(
                "audit.ambiguous",
                f"{self.place.shown}: the server was lost while it wrote, and whether it did is not known",
                hint="append again with the same idempotency keys: what is there already is not written twice",
            ) from error

    def head(self) -> CompactRange:
        rows = self._rows("SELECT size, peaks FROM head")
        return rows_.head(rows[0] if rows else (None, None))

    def hashes(self, level: int, start: int, stop: int) -> bytes:
        table, keys = ("entry", ()) if not level else ("node", (level,))
        only = "level = %s AND " if level else ""
        rows = self._rows(
            f"SELECT idx, hash FROM {table} WHERE {only}idx >= %s AND idx < %s ORDER BY idx",  # noqa: S608  # constants
            (*keys, start, stop),
        )
        found = [rows_.hash_of(hash_, level, index) for index, hash_ in rows]
        return b"".join(hash_ for at, hash_ in enumerate(found) if rows[at][0] == start + at)

    def leaves(self, start: int = 0, stop: int | None = None) -> Iterator[Leaf]:
        while stop is None or start < stop:
            until = start + PIECE if stop is None else min(start + PIECE, stop)
            for row in self._rows(_LEAVES + "idx >= %s AND idx < %s ORDER BY idx", (start, until)):
                if row[0] != start:
                    return
                yield _leaf(row)
                start += 1
            if start < until:
                return

    def nodes(self) -> Iterator[Node]:
        level, index = -1, 0
        while True:
            rows = self._rows(
                "SELECT level, idx, hash FROM node WHERE (level, idx) > (%s, %s) ORDER BY level, idx LIMIT %s",
                (level, index, PIECE),
            )
            yield from filter(None, map(rows_.node, rows))
            if len(rows) < PIECE:
                return
            level, index = rows[-1][:2]

    def find(self, uids: Iterable[str]) -> dict[str, Leaf]:
        keys = [uid.encode() for uid in uids]
        leaves = [_leaf(row) for row in self._rows(_KNOWN, (keys,))]
        return {leaf.uid: leaf for leaf in leaves if leaf.uid is not None}

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        self._executed(
            "INSERT INTO checkpoint VALUES (%s, %s, %s) ON CONFLICT (size) DO UPDATE "
            "SET note = excluded.note, digest = excluded.digest",
            (*checkpoint, rows_.digest(checkpoint.note)),
        )

    def checkpoints(self) -> list[Checkpoint]:
        rows = self._rows("SELECT size, note, digest FROM checkpoint ORDER BY size")
        return [rows_.checkpoint(row) for row in rows]

    def latest_checkpoint(self) -> Checkpoint | None:
        rows = self._rows("SELECT size, note, digest FROM checkpoint ORDER BY size DESC LIMIT 1")
        return rows_.checkpoint(rows[0]) if rows else None

    def verifiers(self) -> list[str]:
        return [rows_.verifier(row) for row in self._rows("SELECT vkey FROM verifier ORDER BY position")]

    def add_verifier(self, vkey: str) -> None:
        self._executed("INSERT INTO verifier (vkey) VALUES (%s) ON CONFLICT DO NOTHING", (vkey,))

    def archived(self) -> int:
        rows = self._rows("SELECT value FROM meta WHERE key = 'archived'")
        return rows_.archived(rows[0]) if rows else 0

    def prune(self, stop: int) -> None:
        least = self._rows("SELECT min(idx) FROM body")[0][0]
        first = stop if least is None else int(least)
        self._executed(
            "INSERT INTO meta VALUES ('archived', %s) ON CONFLICT (key) DO UPDATE "
            "SET value = excluded.value WHERE meta.value::bigint < excluded.value::bigint",
            (str(stop),),
        )
        for until in [*range(first + PIECE, stop, PIECE), stop]:
            # Entries of the ledger's own stay readable: the chain of signing keys hangs on them.
            self._executed(
                "DELETE FROM body WHERE idx < %s AND NOT EXISTS "
                "(SELECT FROM entry WHERE entry.idx = body.idx AND uid >= %s AND uid < %s)",
                (until, RESERVED.encode(), RESERVED_END.encode()),
            )

    def state(self, prefix: str) -> dict[str, str]:
        return dict(
            self._rows("SELECT key, value FROM state WHERE starts_with(key, %s) ORDER BY key", (prefix,))
        )

    def swap_state(self, key: str, old: str | None, new: str) -> bool:
        if old is None:
            return self._executed("INSERT INTO state VALUES (%s, %s) ON CONFLICT DO NOTHING", (key, new)) == 1
        changed = self._executed("UPDATE state SET value = %s WHERE key = %s AND value = %s", (new, key, old))
        return changed == 1

    def close(self) -> None:
        self._reader.drop()
        self._writer.drop()

    def _rows(self, query: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with self._explained("read"):
            return self._reader.fetch(query, parameters)

    def _executed(self, statement: str, parameters: tuple[object, ...]) -> int:
        """Carry out one statement that may be repeated; gives how many rows it touched."""
        with self._explained("written"), self._writing() as session:
            try:
                return session.connection().execute(statement.encode(), parameters).rowcount
            except psycopg.OperationalError:
                session.drop()
                return session.connection().execute(statement.encode(), parameters).rowcount

    def _writing(self) -> server.Session:
        if self._read_only:
            raise LedgerUnavailableError(
                "audit.read-only", f"{self.place.shown}: the ledger is not open for writing"
            )
        return self._writer

    def _explained(self, done: str) -> contextlib.AbstractContextManager[None]:
        return server.explained(self.place, done)


def _leaf(row: Sequence[object]) -> Leaf:
    index, hash_, body, uid = row
    # Keys are kept as bytes: a text of PostgreSQL cannot hold every one.
    text = uid.decode(errors="surrogateescape") if isinstance(uid, bytes) else uid
    return rows_.leaf((index, hash_, body, text))
