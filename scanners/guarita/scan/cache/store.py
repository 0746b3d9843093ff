"""Values by key in one SQLite file: shared by concurrent runs, bounded in size, every entry with a checksum."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

FILE = "results-1.db"
LIMIT = 512 * 1024 * 1024
"""Bytes of values that are kept; those used longest ago go first."""
WAIT = 5.0
"""Seconds to wait for another run that is writing."""
SELDOM = 6 * 3600
"""Seconds after which a use is written down again."""
SCHEMA = (
    "CREATE TABLE entries (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, value BLOB NOT NULL, check_ BLOB NOT NULL)",
    "CREATE TABLE uses (id INTEGER PRIMARY KEY, used INTEGER NOT NULL, size INTEGER NOT NULL)",
)


def limit(environment: Mapping[str, str]) -> int:
    """`GUARITA_CACHE_LIMIT` in MB as bytes, else LIMIT."""
    words = environment.get("GUARITA_CACHE_LIMIT", "")
    return int(words) * 1024 * 1024 if words.isdecimal() else LIMIT


class Store:
    """Safe from several threads and processes. A file that is damaged or locked is done without, never an error.

    What is put is written when the store is closed, all at once.
    """

    def __init__(self, folder: Path, *, most: int = LIMIT, now: Callable[[], float] = time.time) -> None:
        self._path = folder / FILE
        self._most = most
        self._now = now
        self._lock = threading.Lock()
        self._puts: dict[bytes, bytes] = {}
        self._used: set[int] = set()
        self._base = self._opened()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None where there is none, or it is not what was written."""
        with self._lock:
            if (value := self._puts.get(key)) is not None or self._base is None:
                return value
            try:
                row = self._base.execute(
                    "SELECT e.id, e.value, e.check_, u.used FROM entries e JOIN uses u USING (id) WHERE e.key = ?",
                    (key,),
                ).fetchone()
            except (sqlite3.Error, ValueError):
                self._give_up()
                return None
            if row is None or not isinstance(row[1], bytes) or _check(key, row[1]) != row[2]:
                return None
            if not isinstance(row[3], int) or row[3] < self._now() - SELDOM:
                self._used.add(row[0])
            return row[1]

    def put(self, key: bytes, value: bytes) -> None:
        """Keep a value, from now on for this run, and for others once the store is closed."""
        with self._lock:
            if len(value) <= self._most:
                self._puts[key] = value

    def close(self) -> None:
        """Write what was put, forget what is too much. May be called twice."""
        with self._lock:
            if self._base is None:
                return
            try:
                if self._puts or self._used:
                    with _writing(self._base):
                        self._write(self._base)
            except (sqlite3.Error, ValueError):
                self._give_up()
            else:
                self._base.close()
            self._base = None
            self._puts.clear()

    def _write(self, base: sqlite3.Connection) -> None:
        now = int(self._now())
        base.executemany("UPDATE uses SET used = ? WHERE id = ?", [(now, number) for number in self._used])
        for key, value in self._puts.items():
            base.execute("DELETE FROM uses WHERE id IN (SELECT id FROM entries WHERE key = ?)", (key,))
            base.execute("DELETE FROM entries WHERE key = ?", (key,))
            number = base.execute(
                "INSERT INTO entries (key, value, check_) VALUES (?, ?, ?)", (key, value, _check(key, value))
            ).lastrowid
            base.execute("INSERT OR REPLACE INTO uses VALUES (?, ?, ?)", (number, now, len(value)))
        (total,) = base.execute("SELECT coalesce(sum(size), 0) FROM uses").fetchone()
        if total > self._most:
            self._forget(base, total)

    def _forget(self, base: sqlite3.Connection, total: int) -> None:
        """Take away those used longest ago until a tenth of the room is free."""
        gone = []
        for number, size in base.execute("SELECT id, size FROM uses ORDER BY used, id").fetchall():
            if total <= self._most * 9 // 10:
                break
            gone.append((number,))
            total -= size
        base.executemany("DELETE FROM entries WHERE id = ?", gone)
        base.executemany("DELETE FROM uses WHERE id = ?", gone)
        base.execute("PRAGMA incremental_vacuum")

    def _opened(self) -> sqlite3.Connection | None:
        for again in (False, True):
            base = None
            try:
                base = _connect(self._path)
                if _is_ours(base):
                    return base
            except sqlite3.OperationalError:
                if base is not None:
                    base.close()
                return None  # locked, or no room: another run may do better
            except (sqlite3.Error, OSError, ValueError):
                pass  # ValueError: a damaged text is no UTF-8
            if base is not None:
                base.close()
            if not again:
                self._remove()
        return None

    def _give_up(self) -> None:
        """Do without from now on. What is damaged goes away, what is only locked stays."""
        base, self._base = self._base, None
        damaged = False
        if base is not None:
            with contextlib.suppress(sqlite3.Error, ValueError):
                damaged = base.execute("PRAGMA quick_check(1)").fetchone() != ("ok",)
            base.close()
        if damaged:
            self._remove()

    def _remove(self) -> None:
        for ending in ("", "-wal", "-shm", "-journal"):
            with contextlib.suppress(OSError):
                os.unlink(f"{self._path}{ending}")  # noqa: PTH108  # three names beside one another


def _connect(path: Path) -> sqlite3.Connection:
    # No link is followed: the file is in our own folder, and made for us alone.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    base = sqlite3.connect(path, timeout=WAIT, isolation_level=None, check_same_thread=False)
    # A foreign file's schema may hold code; ours holds none.
    base.execute("PRAGMA trusted_schema = OFF")
    if base.execute("PRAGMA user_version").fetchone() == (0,):
        base.execute("PRAGMA auto_vacuum = INCREMENTAL")
        base.execute("PRAGMA journal_mode = WAL")
        with _writing(base):
            if base.execute("PRAGMA user_version").fetchone() == (0,):
                for statement in SCHEMA:
                    base.execute(statement)
                base.execute("PRAGMA user_version = 1")
    # What a crash leaves half written is told by the checksums, and is only a cache.
    base.execute("PRAGMA synchronous = OFF")
    return base


def _is_ours(base: sqlite3.Connection) -> bool:
    found = [row[0] for row in base.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
    return sorted(found) == sorted(SCHEMA)


@contextlib.contextmanager
def _writing(base: sqlite3.Connection) -> Iterator[None]:
    base.execute("BEGIN IMMEDIATE")
    try:
        yield
        base.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            base.execute("ROLLBACK")
        raise


def _check(key: bytes, value: bytes) -> bytes:
    return hashlib.blake2b(key + value, digest_size=16).digest()
