"""Connections to one PostgreSQL server or pooler, bounded in time; failures told apart without quoting them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import psycopg

from guarita.audit.stores.postgres_session import Connection
from guarita.rotation.errors import PermanentError, TransientError

_REFUSED: Final = re.compile(
    r"password authentication failed|is not permitted to log in|SASL authentication failed"
)
_UNDONE: Final = ("42", "22", "2B", "0L", "0P")
"""Classes of SQLSTATE that are no better next time: access rules, data, dependents, grantors, roles."""
APPLICATION: Final = "guarita-rotation"


class LoginRefusedError(Exception):
    """The server was there, and did not accept this user with this password."""


class RefusedStatementError(PermanentError):
    """The server understood a statement and says no; `sqlstate` is its reason."""

    def __init__(self, where: str, sqlstate: str) -> None:
        super().__init__(
            "postgres.denied",
            f"{where}: the server refuses what the administering role asks (SQLSTATE {sqlstate})",
            hint="`guarita rotate plan` says which grants are missing",
        )
        self.sqlstate = sqlstate


@dataclass(frozen=True)
class Server:
    """Where to connect; `str()` of it is what messages call it."""

    host: str
    port: int
    database: str
    sslmode: str
    ca_file: str | None
    timeout: float

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @contextlib.contextmanager
    def session(self, user: str, password: str | None) -> Iterator[Connection]:
        """A connection in autocommit mode, each statement one message to the server and one answer.

        Raises LoginRefusedError, TransientError; what the body raises of psycopg's comes out as TransientError or
        RefusedStatementError.
        """
        connection = self._connected(user, password)
        try:
            with explained(str(self)):
                yield connection
        finally:
            with contextlib.suppress(psycopg.Error):
                connection.close()

    def accepts(self, user: str, password: str | None) -> bool:
        """Whether it logs in. Raises TransientError when that cannot be said."""
        try:
            with self.session(user, password) as connection:
                connection.execute("SELECT 1")
        except LoginRefusedError:
            return False
        return True

    def _connected(self, user: str, password: str | None) -> Connection:
        try:
            made = Connection.connect(
                autocommit=True,
                prepare_threshold=None,
                cursor_factory=psycopg.ClientCursor,
                host=self.host,
                port=self.port,
                dbname=self.database,
                user=user,
                password=password,
                sslmode=self.sslmode,
                sslrootcert=self.ca_file or ("system" if self.sslmode == "verify-full" else None),
                connect_timeout=max(2, round(self.timeout)),
                application_name=APPLICATION,
            )
        except psycopg.Error as error:
            # The error keeps the whole connection with its password: it is neither chained nor shown.
            refused, kind = _REFUSED.search(str(error)) is not None, type(error).__name__
        else:
            made.timeout = self.timeout
            return made
        if refused:
            raise LoginRefusedError
        raise TransientError(
            "postgres.unreachable",
            f"{self}: no session for {user} ({kind})",
            hint="is it up and not full, does this host reach it, does TLS verify?",
        )


@contextlib.contextmanager
def explained(where: str) -> Iterator[None]:
    """Errors of psycopg as ours, without the server's text: it may quote a statement."""
    try:
        yield
    except psycopg.Error as error:
        sqlstate, kind = error.sqlstate or "", type(error).__name__
    else:
        return
    if sqlstate[:2] in _UNDONE:
        raise RefusedStatementError(where, sqlstate)
    raise TransientError("postgres.failed", f"{where}: {kind} (SQLSTATE {sqlstate or 'none'})")
