"""The file under the SQLite store: making it, opening it, noticing that it is gone, naming its errors."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from guarita.audit.errors import LedgerCorruptError, LedgerUnavailableError
from guarita.errors import UsageError

APPLICATION_ID = 0x67756172
"""`guar`, in the file's header: how `file` and we tell a ledger from other databases."""
FORMAT = 2
"""The layout of the tables. What wrote 1 was never released, and its files differ among themselves."""
FOLDER = ".guarita"
"""The default folder beside guarita.yaml; it keeps itself out of git."""

_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def must_exist(path: Path) -> None:
    """Raise UsageError `audit.no-ledger` unless there is a file."""
    if not path.is_file():
        raise UsageError(
            "audit.no-ledger", f"{path}: no ledger here", hint="name it with --ledger or GUARITA_LEDGER"
        )


def prepare(path: Path, *, create: bool) -> bool:
    """Make the file if it is to be made; says whether it was."""
    if not create:
        must_exist(path)
    try:
        if not path.parent.exists():
            path.parent.mkdir(parents=True)
            if path.parent.name == FOLDER:
                (path.parent / ".gitignore").write_text("*\n")
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return False
    except OSError as error:
        raise LedgerUnavailableError("audit.unwritable", f"{path}: {error.strerror}") from error
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        # A new name is durable only after its folder is.
        os.fsync(folder)
    finally:
        os.close(folder)
    return True


def connect_writer(path: Path, *, timeout: float) -> sqlite3.Connection:
    """A connection in WAL mode that syncs on each commit."""
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw", uri=True, timeout=timeout, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = _text
    try:
        _to_wal(connection, deadline=time.monotonic() + timeout)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        # The store waits for other writers by itself.
        connection.execute("PRAGMA busy_timeout = 0")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _to_wal(connection: sqlite3.Connection, *, deadline: float) -> None:
    # Switching to WAL needs the file alone, and SQLite does not wait for that by itself.
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
            continue
        if mode != "wal":
            raise LedgerUnavailableError("audit.unwritable", "this file system cannot hold a WAL database")
        return


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that only reads, on a read-only volume too."""
    alone = (
        not os.access(path.parent, os.W_OK, effective_ids=True)
        and not path.with_name(f"{path.name}-wal").exists()
    )
    # Without a writable folder there can be no shared memory; with no WAL beside it the file is all there is.
    mode = "immutable=1" if alone else "mode=ro"
    connection = sqlite3.connect(
        f"{path.as_uri()}?{mode}", uri=True, timeout=30, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = _text
    return connection


def _text(data: bytes) -> str:
    # Text that is damaged must reach whoever compares it, and be refused there.
    return data.decode(errors="surrogateescape")


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection is in the way."""
    return error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def is_ledger(connection: sqlite3.Connection) -> bool:
    """Whether the file says that it is a ledger."""
    return bool(connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID)


def mark(connection: sqlite3.Connection) -> None:
    """Write into the file's header that it is a ledger, and of which format."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")


def must_be_empty(connection: sqlite3.Connection, path: Path) -> None:
    """Raise UsageError rather than write a ledger into somebody's database."""
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise UsageError("audit.not-a-ledger", f"{path}: a database, but not a ledger")


def check_format(connection: sqlite3.Connection, path: Path) -> None:
    """Raise UsageError unless it is a ledger of a format that we read."""
    if not is_ledger(connection):
        raise UsageError("audit.not-a-ledger", f"{path}: not a ledger")
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found != FORMAT:
        raise UsageError(
            "audit.format",
            f"{path}: made by another version of Guarita: ledger format {found}, and this one reads {FORMAT}",
            hint="open it with the version that made it; or move it aside, keep it, and start a new ledger",
        )


def identity(path: Path) -> tuple[int, int]:
    """Device and inode: which file it is, whatever its name."""
    found = path.stat()
    return found.st_dev, found.st_ino


def still_there(path: Path, known: tuple[int, int]) -> None:
    """Raise LedgerUnavailableError when the open file no longer has its name: what we write would be lost."""
    try:
        there = identity(path) == known
    except OSError:
        there = False
    if not there:
        raise LedgerUnavailableError(
            "audit.unlinked",
            f"{path}: the ledger's file was removed or replaced while it was open",
            hint="put the file back and open the ledger again",
        )


@contextlib.contextmanager
def explained(path: Path, done: str) -> Iterator[None]:
    """Turn SQLite's and the system's errors into ours. Texts of SQLite hold no data of rows."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_CONSTRAINT:
            # Nobody but an editor of the file can have put there what stands in our way.
            raise LedgerCorruptError(
                "audit.sequence", f"{path}: the sequence does not hold: {error}"
            ) from error
        if code in _CORRUPT or code == sqlite3.SQLITE_ERROR:
            raise LedgerCorruptError("audit.damaged", f"{path}: {error}") from error
        raise LedgerUnavailableError("audit.unavailable", f"{path}: cannot be {done}: {error}") from error
    except UnicodeDecodeError as error:
        # SQLite quotes what it stumbles over, as it stands.
        raise LedgerCorruptError("audit.damaged", f"{path}: the database is malformed") from error
    except OSError as error:
        raise LedgerUnavailableError(
            "audit.unavailable", f"{path}: cannot be {done}: {error.strerror}"
        ) from error
