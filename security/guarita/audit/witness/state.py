"""What a witness must never forget: the largest checkpoint it cosigned, for each log, in a SQLite file."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from guarita.audit.notes.cosignature import WitnessKey
from guarita.audit.stores import sqlite_file as file
from guarita.errors import UsageError

APPLICATION_ID: Final = 0x67756177
"""`guaw`, in the file's header."""
MAX_CONFLICTS: Final = 64
"""Conflicting checkpoints kept for each log: one is proof enough."""
_LOCK_TIMEOUT: Final = 10.0
_SCHEMA: Final = """
CREATE TABLE witness (vkey TEXT NOT NULL);
CREATE TABLE log (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL,
  time INTEGER NOT NULL);
CREATE TABLE conflict (id INTEGER PRIMARY KEY, origin TEXT NOT NULL, note TEXT NOT NULL, UNIQUE (origin, note))
"""


class Seen(NamedTuple):
    """The largest checkpoint that was cosigned."""

    size: int
    root: bytes
    note: str
    time: int
    """Of the newest cosignature, in seconds since the epoch."""


class State:
    """A witness's memory. Safe to use from several threads, and from several processes."""

    def __init__(self, path: Path, key: WitnessKey, *, create: bool) -> None:
        """Open the file, or make it for this key.

        Raises UsageError `audit.witness-state` when it is not there and not to be made, or is another witness's.
        """
        self.path = path.absolute()
        self._lock = threading.Lock()
        if not create and not self.path.exists():
            raise UsageError(
                "audit.witness-state",
                f"{path}: not there, and a witness that forgot what it cosigned must not go on",
                hint="put it back; or start with a new key; or --new-state if this key never cosigned",
            )
        with file.explained(self.path, "opened"):
            file.prepare(self.path, create=create)
            self._connection = file.connect_writer(self.path, timeout=_LOCK_TIMEOUT)
            self._connection.execute(f"PRAGMA busy_timeout = {int(_LOCK_TIMEOUT * 1000)}")
            with self.transaction():
                self._create(key)
        self._identity = file.identity(self.path)

    def _create(self, key: WitnessKey) -> None:
        connection = self._connection
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for statement in _SCHEMA.split(";\n"):
                connection.execute(statement)
            connection.execute("INSERT INTO witness VALUES (?)", (key.vkey,))
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise UsageError("audit.witness-state", f"{self.path}: not a witness's state")
        if connection.execute("SELECT vkey FROM witness").fetchone() != (key.vkey,):
            raise UsageError(
                "audit.witness-state", f"{self.path}: the state of another witness than {key.vkey}"
            )

    @contextlib.contextmanager
    def transaction(self) -> Iterator[State]:
        """Hold what is read inside until it is written; durable when the block is left.

        Raises LedgerUnavailableError when that cannot be done; then nothing has changed.
        """
        with self._lock, file.explained(self.path, "used"):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    with contextlib.suppress(sqlite3.Error):
                        self._connection.execute("ROLLBACK")

    def latest(self, origin: str) -> Seen | None:
        """The log's largest checkpoint that was cosigned. Call it in a transaction to rely on it."""
        row = self._connection.execute(
            "SELECT size, root, note, time FROM log WHERE origin = ?", (origin,)
        ).fetchone()
        return None if row is None else Seen._make(row)

    def remember(self, origin: str, seen: Seen) -> None:
        """Replace it, in a transaction. Raises LedgerUnavailableError when the file has lost its name."""
        file.still_there(self.path, self._identity)
        self._connection.execute("INSERT OR REPLACE INTO log VALUES (?, ?, ?, ?, ?)", (origin, *seen))

    def note_conflict(self, origin: str, note: str) -> None:
        """Keep a signed checkpoint that does not continue the log: proof against whoever signed both."""
        (known,) = self._connection.execute(
            "SELECT count(*) FROM conflict WHERE origin = ?", (origin,)
        ).fetchone()
        if known < MAX_CONFLICTS:
            self._connection.execute(
                "INSERT OR IGNORE INTO conflict (origin, note) VALUES (?, ?)", (origin, note)
            )

    def conflicts(self) -> list[tuple[str, str]]:
        """Origin and note of the conflicting checkpoints, oldest first."""
        with self._lock, file.explained(self.path, "read"):
            return self._connection.execute("SELECT origin, note FROM conflict ORDER BY id").fetchall()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()
