"""Who is connected as a user: by each server's own list, and by what its poolers show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Final

from psycopg import errors

from guarita.audit.stores.postgres_session import Connection
from guarita.rotation.rotators.postgres.server import Server

Connect = Callable[[], AbstractContextManager[Connection]]

_OPEN: Final = (
    "SELECT coalesce(host(client_addr), 'local'), coalesce(nullif(application_name, ''), 'unnamed'), count(*)"
    " FROM pg_stat_activity WHERE usename = %s GROUP BY 1, 2"
    " UNION ALL SELECT 'prepared', 'transaction', count(*) FROM pg_prepared_xacts WHERE owner = %s HAVING count(*) > 0"
    " ORDER BY 1, 2"
)
_END: Final = (
    "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE usename = %s AND pid <> pg_backend_pid()"
)


def of(servers: Iterable[tuple[Server, Connect]], user: str) -> list[str]:
    """The sessions of a user on these servers, each line `HOST:PORT: ADDRESS (APPLICATION), COUNT`."""
    users = []
    for server, connect in servers:
        with connect() as connection:
            rows = connection.execute(_OPEN, (user, user)).fetchall()
        users += [f"{server}: {address} ({name}), {count}" for address, name, count in rows]
    return users


def pooled(connection: Connection, pooler: str, user: str) -> list[str]:
    """The same from PgBouncer's console: clients that wait in it have no session on the server."""
    cursor = connection.execute("SHOW CLIENTS")
    names = [column.name for column in cursor.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    found = Counter(
        (str(row["addr"]), str(row.get("application_name") or "unnamed"))
        for row in rows
        if row["user"] == user
    )
    return [f"{pooler}: {address} ({name}), {count}" for (address, name), count in sorted(found.items())]


def ended(connection: Connection, user: str) -> int:
    """End every session of a user; how many there were, -1 where this role may not."""
    try:
        row = connection.execute(_END, (user,)).fetchone()
    except errors.InsufficientPrivilege:
        return -1
    return 0 if row is None else int(row[0])
