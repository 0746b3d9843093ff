"""What has to be so at the server before two users can take turns: they exist, act as one owner, and are alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from psycopg import sql

from guarita.audit.stores.postgres_session import Connection
from guarita.config.rotation_secrets import PostgresSecret
from guarita.rotation.interface import Problem
from guarita.rotation.rotators.postgres import fence

_ADMIN_OPTION: Final = 160000
"""From this server version on CREATEROLE alone alters nobody."""
_ROLES: Final = "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)"
_MEMBER: Final = "SELECT pg_has_role(u.oid, o.oid, 'USAGE') FROM pg_roles u, pg_roles o WHERE u.rolname = %s AND o.rolname = %s"
_ADMIN: Final = (
    "SELECT r.rolsuper OR (r.rolcreaterole AND (current_setting('server_version_num')::int < %s OR EXISTS ("
    "SELECT 1 FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid"
    " WHERE g.rolname = %s AND m.member = r.oid AND m.admin_option)))"
    " FROM pg_roles r WHERE r.rolname = current_user"
)
_OWNED: Final = (
    "SELECT count(*) FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid"
    " WHERE d.refclassid = 'pg_authid'::regclass AND d.deptype = 'o' AND r.rolname = %s"
)
_ALIKE: Final[tuple[tuple[str, str], ...]] = (
    (
        "attributes",
        (
            "SELECT array[rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls]::text"
            " || rolconnlimit FROM pg_roles WHERE rolname = %s"
        ),
    ),
    (
        "memberships",
        (
            "SELECT coalesce(string_agg(g.rolname, ',' ORDER BY g.rolname), '') FROM pg_auth_members m"
            " JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles u ON u.oid = m.member WHERE u.rolname = %s"
        ),
    ),
    (
        "settings (ALTER ROLE … SET)",
        (
            "SELECT coalesce(string_agg(s.setdatabase || ':' || s.setconfig::text, ';' ORDER BY s.setdatabase), '')"
            " FROM pg_db_role_setting s JOIN pg_roles u ON u.oid = s.setrole WHERE u.rolname = %s"
        ),
    ),
    (
        "grants of their own",
        (
            "SELECT coalesce(string_agg(DISTINCT d.dbid || '.' || d.classid || '.' || d.objid, ','), '')"
            " FROM pg_shdepend d JOIN pg_roles u ON u.oid = d.refobjid"
            " WHERE d.refclassid = 'pg_authid'::regclass AND d.deptype = 'a' AND u.rolname = %s"
        ),
    ),
)


def missing(connection: Connection, section: PostgresSecret) -> Iterator[Problem]:
    """Roles and rights without which no rotation can begin."""
    wanted = [*section.users, section.owner_role]
    found = {row[0] for row in connection.execute(_ROLES, (wanted,)).fetchall()}
    for role in wanted:
        if role not in found:
            login = "NOLOGIN" if role != section.owner_role else "NOLOGIN NOINHERIT"
            made = sql.SQL("CREATE ROLE {} ").format(sql.Identifier(role)).as_string() + login
            yield Problem(code="postgres.no-role", message=f"there is no role {role}", hint=made)
    for user in section.users:
        if not {user, section.owner_role} <= found:
            continue
        row = connection.execute(_MEMBER, (user, section.owner_role)).fetchone()
        if row is None or not row[0]:
            grant = sql.SQL("GRANT {} TO {}").format(sql.Identifier(section.owner_role), sql.Identifier(user))
            yield Problem(
                code="postgres.not-a-member",
                message=f"{user} does not act as {section.owner_role}",
                hint=grant.as_string(),
            )
        admin = connection.execute(_ADMIN, (_ADMIN_OPTION, user)).fetchone()
        if admin is None or not admin[0]:
            yield Problem(
                code="postgres.admin-may-not",
                message=f"{section.admin.user} may not alter {user}",
                hint=sql.SQL("ALTER ROLE {admin} CREATEROLE; GRANT {user} TO {admin} WITH ADMIN OPTION")
                .format(admin=sql.Identifier(section.admin.user), user=sql.Identifier(user))
                .as_string(),
            )
    if not fence.usable(connection, section.fence_schema):
        yield Problem(
            code="postgres.no-fence",
            message=f"{section.database}: {section.admin.user} may neither use {section.fence_schema}.fence nor make it",
            hint="; ".join(fence.setup(section.fence_schema, section.admin.user)),
        )


def differences(connection: Connection, section: PostgresSecret) -> Iterator[Problem]:
    """What would make the one user see another database than the other."""
    first, second = section.users
    for user in section.users:
        row = connection.execute(_OWNED, (user,)).fetchone()
        if row is not None and row[0]:
            given = sql.SQL("REASSIGN OWNED BY {user} TO {owner}; ALTER ROLE {user} SET role = {owner}")
            yield Problem(
                code="postgres.owns-objects",
                message=f"{user} owns {row[0]} objects itself: the other user may not be able to use them",
                hint=given.format(
                    user=sql.Identifier(user), owner=sql.Identifier(section.owner_role)
                ).as_string(),
            )
    for what, query in _ALIKE:
        values = [connection.execute(query, (user,)).fetchone() for user in section.users]
        if values[0] != values[1]:
            yield Problem(
                code="postgres.not-alike",
                message=f"{first} and {second} differ in their {what}",
                hint=f"give both the same, or grant it to {section.owner_role}",
            )


def may_log_in(connection: Connection, user: str) -> bool:
    """Whether the role exists and may log in at all, whatever its password."""
    row = connection.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", (user,)).fetchone()
    return row is not None and bool(row[0])
