"""The fence in the database: a row compared and raised in the very statement that alters a role.

The whole is one statement, a block: it commits as a whole or not at all, and a runner that is stopped in the middle
holds no lock, since there is no middle.
"""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import sql

from guarita.audit.stores.postgres_session import Connection
from guarita.rotation.errors import DriftError, FencedOutError
from guarita.rotation.interface import Fence

_FENCED: Final = "GF001"
_TABLE: Final = sql.SQL(
    "CREATE TABLE IF NOT EXISTS {schema}.fence (pair text PRIMARY KEY, secret text NOT NULL, token bigint NOT NULL,"
    " rotation text NOT NULL, step text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
)
_BLOCK: Final = sql.SQL(
    "BEGIN"
    " INSERT INTO {schema}.fence AS held (pair, secret, token, rotation, step)"
    " VALUES ({pair}, {secret}, {token}, {rotation}, {step})"
    " ON CONFLICT (pair) DO UPDATE SET token = excluded.token, rotation = excluded.rotation, step = excluded.step,"
    " at = now() WHERE held.secret = excluded.secret AND held.token <= excluded.token;"
    " IF NOT FOUND THEN RAISE EXCEPTION USING ERRCODE = {fenced}, MESSAGE = 'fenced out'; END IF;"
    " {change}"
    " END"
)


def setup(schema: str, admin: str) -> tuple[str, ...]:
    """The statements that make the place of the fence: for a person who has to run them."""
    named = {"schema": sql.Identifier(schema), "admin": sql.Identifier(admin)}
    statements = (
        sql.SQL("CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {admin}"),
        _TABLE,
        sql.SQL("ALTER TABLE {schema}.fence OWNER TO {admin}"),
    )
    return tuple(statement.format(**named).as_string() for statement in statements)


def fenced(connection: Connection, schema: str, pair: str, fence: Fence, change: sql.Composable) -> None:
    """Carry out `change` under the fence. Raises FencedOutError, DriftError, and as `Server.session`.

    `pair` names what is fenced; another secret's row for it is not touched.
    """
    block = _BLOCK.format(
        schema=sql.Identifier(schema),
        pair=sql.Literal(pair),
        secret=sql.Literal(fence.secret),
        token=sql.Literal(fence.token),
        rotation=sql.Literal(fence.rotation),
        step=sql.Literal(fence.step),
        fenced=sql.Literal(_FENCED),
        change=change,
    ).as_string(connection)
    try:
        connection.execute(sql.SQL("DO {}").format(sql.Literal(block)))
    except psycopg.Error as error:
        if error.sqlstate != _FENCED:
            raise
    else:
        return
    row = connection.execute(
        sql.SQL("SELECT secret FROM {}.fence WHERE pair = %s").format(sql.Identifier(schema)), (pair,)
    ).fetchone()
    if row is not None and row[0] != fence.secret:
        raise DriftError(
            "postgres.pair-taken",
            f"the users {pair} are rotated by the secret {row[0]!r}",
            hint="one pair belongs to one secret; if that one is no more, delete its row of the fence",
        )
    raise FencedOutError(fence.secret, f"the fence of {pair}")


def exists(connection: Connection, schema: str) -> bool:
    """Whether there is a fence already."""
    # The catalogue is open to all; `to_regclass` asks for rights on the schema.
    row = connection.execute(
        "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = 'fence'",
        (schema,),
    ).fetchone()
    return row is not None


def usable(connection: Connection, schema: str) -> bool:
    """Whether this role may use the fence, or make it where there is none yet."""
    if exists(connection, schema):
        query = "SELECT has_table_privilege(%s, 'SELECT') AND has_table_privilege(%s, 'INSERT')"
        query += " AND has_table_privilege(%s, 'UPDATE')"
        row = connection.execute(query.encode(), (f'"{schema}".fence',) * 3).fetchone()
    else:
        row = connection.execute("SELECT has_database_privilege(current_database(), 'CREATE')").fetchone()
    return row is not None and bool(row[0])


def make(connection: Connection, schema: str) -> None:
    """Make the place of the fence, where the role may."""
    named = {"schema": sql.Identifier(schema)}
    connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {schema}").format(**named))
    connection.execute(_TABLE.format(**named))
