"""One connection to PostgreSQL: made when needed, given up in time, its errors named without its secrets."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Self, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
import psycopg
from psycopg import errors, sql
from psycopg.abc import PQGen

from guarita.audit.errors import LedgerCorruptError, LedgerError, LedgerUnavailableError
from guarita.errors import UsageError

T = TypeVar("T")

TIMEOUT = 30.0
"""Seconds for one answer of the server, unless the URL says `timeout=SECONDS`."""
SCHEMA = "guarita"
"""The schema that holds the ledger, unless the URL says `schema=NAME`."""
_STEP = 0.1


class Place(msgspec.Struct, frozen=True):
    """Where a ledger is on a server."""

    conninfo: str
    """With the password, if the URL had one."""
    schema: str
    timeout: float
    shown: str
    """The place without user and password."""

    @classmethod
    def parse(cls, url: str) -> Place:
        """Read `postgresql://…?schema=NAME&timeout=SECONDS`; what else it says is libpq's. Raises UsageError."""
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        schema = query.pop("schema", SCHEMA)
        try:
            timeout = float(query.pop("timeout", TIMEOUT))
            query.setdefault("connect_timeout", str(max(2, round(timeout))))
            # Written out: urlunsplit drops the slashes of a URL that names no host, as one by a service file does.
            conninfo = f"postgresql://{parts.netloc}{parts.path}?{urlencode(query)}"
            psycopg.conninfo.conninfo_to_dict(conninfo)
        except (ValueError, psycopg.Error):
            raise UsageError("audit.url", "not a PostgreSQL URL that libpq understands") from None
        host = parts.netloc.rpartition("@")[2]
        return cls(conninfo, schema, timeout, f"postgresql://{host}{parts.path}?schema={schema}")


class Connection(psycopg.Connection[Any]):
    """A connection that waits for no answer longer than `timeout`: a stopped server says nothing at all."""

    timeout: float = TIMEOUT

    def wait(self, gen: PQGen[T], interval: float = _STEP, timeout: float | None = None) -> T:
        """As the base class, with an end."""
        return super().wait(self._timed(gen, time.monotonic() + self.timeout), interval, timeout)

    def _timed(self, gen: PQGen[T], until: float) -> PQGen[T]:
        try:
            asked = next(gen)
            while True:
                ready = yield asked
                if not ready and time.monotonic() > until:
                    self.pgconn.finish()
                    raise errors.QueryCanceled(f"no answer within {self.timeout:g} s")
                asked = gen.send(ready)
        except StopIteration as done:
            result: T = done.value
            return result


class Session:
    """A connection for one thread at a time, renewed after it was lost."""

    def __init__(self, place: Place, *, read_only: bool) -> None:
        self.place = place
        self._read_only = read_only
        self._lock = threading.RLock()
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        self._lock.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def fetch(self, query: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """The rows of one query that only reads: asked again on a new connection where the old one was lost."""
        with self:
            kept = self._connection is not None
            try:
                return self.connection().execute(query.encode(), parameters).fetchall()
            except psycopg.OperationalError:
                self.drop()
                if not kept:
                    raise
                return self.connection().execute(query.encode(), parameters).fetchall()

    def connection(self) -> Connection:
        """The connection, in autocommit mode, its search path set. The caller holds the session."""
        if self._connection is None or self._connection.closed:
            made = Connection.connect(self.place.conninfo, autocommit=True)
            made.timeout = self.place.timeout
            try:
                self._prepare(made)
            except BaseException:
                made.close()
                raise
            self._connection = made
        return self._connection

    def _prepare(self, made: Connection) -> None:
        made.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(self.place.schema)))
        # An append is acknowledged after it is durable, whatever this server's default is.
        made.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
        # A node that stops in the middle of an append must not hold up the others for longer than this.
        made.execute(
            "SELECT set_config(name, %s, false) FROM unnest(ARRAY['lock_timeout', "
            "'idle_in_transaction_session_timeout']) name",
            (f"{round(self.place.timeout * 1000)}ms",),
        )
        row = made.execute("SHOW fsync").fetchone()
        if row and row[0] != "on" and not self._read_only:
            raise UsageError("audit.not-durable", f"{self.place.shown}: this server runs with fsync off")
        if self._read_only:
            made.execute("SET default_transaction_read_only = on")

    def drop(self) -> None:
        """Let go of the connection; the next use makes a new one."""
        with self:
            if self._connection is not None:
                with contextlib.suppress(psycopg.Error):
                    self._connection.close()
            self._connection = None


@contextlib.contextmanager
def explained(place: Place, done: str) -> Iterator[None]:
    """Turn psycopg's errors into ours. A server's primary message names no value of a row; its details may."""
    try:
        yield
    except LedgerError:
        raise
    except (errors.UniqueViolation, errors.NotNullViolation) as error:
        raise LedgerCorruptError(
            "audit.sequence", f"{place.shown}: the sequence does not hold: {error.diag.message_primary}"
        ) from None
    except (errors.UndefinedTable, errors.UndefinedColumn) as error:
        raise LedgerCorruptError(
            "audit.damaged", f"{place.shown}: a part of the ledger is gone: {error.diag.message_primary}"
        ) from None
    except psycopg.Error as error:
        said = error.diag.message_primary or str(error).splitlines()[0]
        raise LedgerUnavailableError(
            "audit.unavailable", f"{place.shown}: cannot be {done}: {said}"
        ) from None


def retried(ask: Callable[[], T], *, until: float) -> T:
    """Ask until there is an answer, with growing pauses, at the longest until then (monotonic seconds)."""
    pause = 0.05
    while True:
        try:
            return ask()
        except psycopg.OperationalError:
            if time.monotonic() + pause > until:
                raise
            time.sleep(pause)
            pause = min(2 * pause, 1.0)
