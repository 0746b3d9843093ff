"""The ledger in one SQLite file: the embedded default, for any number of processes on one machine.

WAL with `synchronous=FULL`: COMMIT returns after the log file is synced (https://sqlite.org/wal.html). Writers take
turns by BEGIN IMMEDIATE; readers never wait.
"""

from __future__ import annotations

import contextlib
import random
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from guarita.audit.errors import LedgerCorruptError, LedgerUnavailableError
from guarita.audit.merkle.tree import CompactRange, Node
from guarita.audit.stores import rows as rows_
from guarita.audit.stores import sqlite_file as file
from guarita.audit.stores.interface import (
    RESERVED,
    RESERVED_END,
    Appended,
    Checkpoint,
    Draft,
    Leaf,
    Store,
    plan,
)

PIECE = 1024
"""Entries read at once."""
LOCK_TIMEOUT = 30.0
"""Seconds to wait for other writers."""

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 0), size INTEGER NOT NULL, peaks BLOB NOT NULL);
CREATE TABLE entry (idx INTEGER PRIMARY KEY, hash BLOB NOT NULL, uid TEXT);
CREATE UNIQUE INDEX entry_uid ON entry (uid) WHERE uid IS NOT NULL;
CREATE TABLE body (idx INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE node (level INTEGER, idx INTEGER, hash BLOB NOT NULL, PRIMARY KEY (level, idx)) WITHOUT ROWID;
CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note TEXT NOT NULL, digest BLOB NOT NULL);
CREATE TABLE verifier (vkey TEXT PRIMARY KEY);
CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO head VALUES (0, 0, x'');
"""
_LEAVES = "SELECT idx, hash, bytes, uid FROM entry JOIN body USING (idx) WHERE "
_KNOWN = "SELECT idx, hash, coalesce(bytes, x''), uid FROM entry LEFT JOIN body USING (idx) WHERE uid = ?"
# Hashes and bodies stand apart: proofs and tiles read rows of 40 bytes, and bodies can be archived on their own.


class SqliteStore(Store):
    """A ledger in a SQLite file."""

    def __init__(
        self,
        path: Path,
        *,
        create: bool = True,
        read_only: bool = False,
        origin: str | None = None,
        lock_timeout: float = LOCK_TIMEOUT,
    ) -> None:
        """Open the file, or make it with this `origin` (default: a random name). Times are in seconds.

        Raises UsageError when it is not there and not to be made, or is not a ledger.
        """
        self.path = path.absolute()
        self._lock_timeout = lock_timeout
        self._lock = threading.Lock()
        self._readers: list[sqlite3.Connection] = []
        self._local = threading.local()
        self._writer: sqlite3.Connection | None = None
        with self._explained("opened"):
            if read_only:
                file.must_exist(self.path)
            else:
                fresh = file.prepare(self.path, create=create)
                self._writer = file.connect_writer(self.path, timeout=lock_timeout)
                if fresh or not file.is_ledger(self._writer):
                    self._create(origin or f"guarita/{secrets.token_hex(8)}")
            self._identity = file.identity(self.path)
            file.check_format(self._reader(), self.path)
            row = self._reader().execute("SELECT value FROM meta WHERE key = 'origin'").fetchone()
            self.origin = rows_.origin(row)

    def _create(self, origin: str) -> None:
        with self._transaction() as writer:
            if file.is_ledger(writer):  # another process was quicker
                return
            file.must_be_empty(writer, self.path)
            for statement in _SCHEMA.split(";\n"):
                writer.execute(statement)
            writer.execute("INSERT INTO meta VALUES ('origin', ?)", (origin,))
            file.mark(writer)

    def append(self, drafts: Sequence[Draft]) -> list[Appended]:
        with self._lock, self._explained("written"):
            file.still_there(self.path, self._identity)
            with self._transaction() as writer:
                keys = [draft.uid for draft in drafts if draft.uid is not None]
                made = plan(_head(writer), drafts, _find(writer, keys))
                writer.executemany(
                    "INSERT INTO entry VALUES (?, ?, ?)", ((x.index, x.hash, x.uid) for x in made.leaves)
                )
                writer.executemany("INSERT INTO body VALUES (?, ?)", ((x.index, x.body) for x in made.leaves))
                writer.executemany(
                    "INSERT INTO node VALUES (?, ?, ?)", ((x.level, x.index, x.hash) for x in made.nodes)
                )
                if made.leaves:
                    writer.execute(
                        "UPDATE head SET size = ?, peaks = ?", (made.head.size, made.head.encode())
                    )
            # A file that was replaced during the commit holds nothing of it.
            file.still_there(self.path, self._identity)
            return made.answers

    def paths(self) -> tuple[Path, ...]:
        return tuple(
            self.path.with_name(self.path.name + ending) for ending in ("", "-wal", "-shm", "-journal")
        )

    def head(self) -> CompactRange:
        with self._explained("read"):
            return _head(self._reader())

    def hashes(self, level: int, start: int, stop: int) -> bytes:
        table = "entry WHERE" if not level else "node WHERE level = ? AND"
        keys = (level, start, stop) if level else (start, stop)
        with self._explained("read"):
            rows = (
                self._reader()
                .execute(
                    f"SELECT idx, hash FROM {table} idx >= ? AND idx < ? ORDER BY idx",  # noqa: S608  # constants
                    keys,
                )
                .fetchall()
            )
        found = [rows_.hash_of(row[1], level, row[0]) for row in rows]
        return b"".join(hash_ for at, hash_ in enumerate(found) if rows[at][0] == start + at)

    def leaves(self, start: int = 0, stop: int | None = None) -> Iterator[Leaf]:
        while stop is None or start < stop:
            until = start + PIECE if stop is None else min(start + PIECE, stop)
            with self._explained("read"):
                rows = (
                    self._reader()
                    .execute(
                        _LEAVES + "idx >= ? AND idx < ? ORDER BY idx",
                        (start, until),
                    )
                    .fetchall()
                )
            for row in rows:
                if row[0] != start:
                    return
                yield rows_.leaf(row)
                start += 1
            if start < until:
                return

    def nodes(self) -> Iterator[Node]:
        level, index = -(2**63), 0
        while True:
            with self._explained("read"):
                rows = (
                    self._reader()
                    .execute(
                        "SELECT level, idx, hash FROM node WHERE (level, idx) > (?, ?) ORDER BY level, idx LIMIT ?",
                        (level, index, PIECE),
                    )
                    .fetchall()
                )
            yield from filter(None, map(rows_.node, rows))
            if len(rows) < PIECE:
                return
            level, index = rows[-1][:2]

    def find(self, uids: Iterable[str]) -> dict[str, Leaf]:
        with self._explained("read"):
            return _find(self._reader(), uids)

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        with self._lock, self._explained("written"):
            file.still_there(self.path, self._identity)
            with self._transaction() as writer:
                writer.execute(
                    "INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?)",
                    (*checkpoint, rows_.digest(checkpoint.note)),
                )
            file.still_there(self.path, self._identity)

    def checkpoints(self) -> list[Checkpoint]:
        with self._explained("read"):
            rows = (
                self._reader().execute("SELECT size, note, digest FROM checkpoint ORDER BY size").fetchall()
            )
        return [rows_.checkpoint(row) for row in rows]

    def latest_checkpoint(self) -> Checkpoint | None:
        with self._explained("read"):
            row = (
                self._reader()
                .execute("SELECT size, note, digest FROM checkpoint ORDER BY size DESC LIMIT 1")
                .fetchone()
            )
        return None if row is None else rows_.checkpoint(row)

    def verifiers(self) -> list[str]:
        with self._explained("read"):
            found = self._reader().execute("SELECT vkey FROM verifier ORDER BY rowid").fetchall()
        return [rows_.verifier(row) for row in found]

    def add_verifier(self, vkey: str) -> None:
        with self._lock, self._explained("written"), self._transaction() as writer:
            writer.execute("INSERT OR IGNORE INTO verifier VALUES (?)", (vkey,))

    def archived(self) -> int:
        with self._explained("read"):
            row = self._reader().execute("SELECT value FROM meta WHERE key = 'archived'").fetchone()
        return rows_.archived(row) if row else 0

    def prune(self, stop: int) -> None:
        with self._explained("read"):
            row = self._reader().execute("SELECT min(idx) FROM body").fetchone()
        first = stop if row[0] is None else int(row[0])
        for until in [*range(first + PIECE, stop, PIECE), stop]:
            with self._lock, self._explained("written"), self._transaction() as writer:
                writer.execute(
                    "INSERT INTO meta VALUES ('archived', ?1) ON CONFLICT (key) DO UPDATE "
                    "SET value = ?1 WHERE CAST(value AS INTEGER) < ?1",
                    (stop,),
                )
                # Entries of the ledger's own stay readable: the chain of signing keys hangs on them.
                writer.execute(
                    "DELETE FROM body WHERE idx < ?1 AND idx NOT IN "
                    "(SELECT idx FROM entry WHERE uid >= ?2 AND uid < ?3)",
                    (until, RESERVED, RESERVED_END),
                )

    def state(self, prefix: str) -> dict[str, str]:
        with self._explained("read"):
            rows = self._reader().execute(
                "SELECT key, value FROM state WHERE substr(key, 1, ?) = ? ORDER BY key", (len(prefix), prefix)
            )
            return dict(rows.fetchall())

    def swap_state(self, key: str, old: str | None, new: str) -> bool:
        with self._lock, self._explained("written"):
            file.still_there(self.path, self._identity)
            with self._transaction() as writer:
                done = (
                    writer.execute("INSERT OR IGNORE INTO state VALUES (?, ?)", (key, new))
                    if old is None
                    else writer.execute(
                        "UPDATE state SET value = ? WHERE key = ? AND value = ?", (new, key, old)
                    )
                )
                return done.rowcount == 1

    def check(self) -> None:
        with self._explained("read"):
            found = [row[0] for row in self._reader().execute("PRAGMA integrity_check(10)")]
        if found != ["ok"]:
            raise LedgerCorruptError("audit.damaged", f"{self.path}: {found[0]}")

    def close(self) -> None:
        with self._lock:
            for connection in (*self._readers, *filter(None, (self._writer,))):
                connection.close()
            self._readers, self._writer = [], None
            self._local = threading.local()

    def _reader(self) -> sqlite3.Connection:
        """A connection of this thread, for reading."""
        # The name may stand for another file by now, and so may that of the log file beside it.
        file.still_there(self.path, self._identity)
        reader: sqlite3.Connection | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = file.connect_reader(self.path)
            self._local.reader = reader
            self._readers.append(reader)
        return reader

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if self._writer is None:
            raise LedgerUnavailableError(
                "audit.read-only", f"{self.path}: the ledger is not open for writing"
            )
        writer = self._writer
        deadline = time.monotonic() + self._lock_timeout
        while True:
            try:
                writer.execute("BEGIN IMMEDIATE")
                break
            except sqlite3.OperationalError as error:
                if not file.is_busy(error):
                    raise
                if time.monotonic() > deadline:
                    raise LedgerUnavailableError(
                        "audit.busy",
                        f"{self.path}: another process held the ledger for {self._lock_timeout:g} s",
                    ) from error
                # SQLite's own waiting grows to 100 ms, forty commits; a commit takes about 2.
                time.sleep(random.uniform(0.0002, 0.001))  # noqa: S311  # jitter, no secret
        try:
            yield writer
            writer.execute("COMMIT")
        finally:
            if writer.in_transaction:
                # After some failures (a full disk) SQLite has rolled back by itself and says so.
                with contextlib.suppress(sqlite3.Error):
                    writer.execute("ROLLBACK")

    def _explained(self, done: str) -> contextlib.AbstractContextManager[None]:
        return file.explained(self.path, done)


def _head(connection: sqlite3.Connection) -> CompactRange:
    row = connection.execute("SELECT size, peaks FROM head").fetchone()
    if row is None:
        raise LedgerCorruptError("audit.sequence", "the ledger has lost its head row", index=0)
    return rows_.head(row)


def _find(connection: sqlite3.Connection, uids: Iterable[str]) -> dict[str, Leaf]:
    found = {}
    for uid in uids:
        row = connection.execute(_KNOWN, (uid,)).fetchone()
        if row is not None:
            found[uid] = rows_.leaf(row)
    return found
