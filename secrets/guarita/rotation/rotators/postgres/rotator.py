"""Two users of PostgreSQL that take turns: the idle one gets a new password, the other keeps working meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from psycopg import sql

from guarita.audit.stores.postgres_session import Connection
from guarita.config.rotation_secrets import PostgresSecret
from guarita.rotation.errors import (
    DriftError,
    NotYetError,
    ProbeFailedError,
    StillInUseError,
    StillValidError,
    TransientError,
)
from guarita.rotation.generate import generate
from guarita.rotation.interface import Credential, Fence, Problem, Proof, Randomness, Rotator
from guarita.rotation.parts import Parts
from guarita.rotation.rotators.postgres import checks, fence, sessions
from guarita.rotation.rotators.postgres.server import LoginRefusedError, RefusedStatementError, Server

_HEX_BYTES = 16


class PostgresRotator(Rotator):
    """The server never sees a plaintext in a statement: the SCRAM verifier is computed here (RFC 5803)."""

    kind = "postgres"

    def __init__(self, name: str, section: PostgresSecret, parts: Parts) -> None:
        self._name = name
        self._section = section
        self._parts = parts
        self._pair = ",".join(sorted(section.users))
        self._primary = self._server(section.host, section.port)
        self._replicas = [self._server(*_split(replica)) for replica in section.replicas]
        self._poolers = [
            self._server(pooler.host, pooler.port, sslmode=pooler.sslmode) for pooler in section.poolers
        ]

    def current(self, values: Mapping[str, str]) -> Credential | None:
        user = values.get(self._section.username_field)
        if user is None:
            return None
        if user not in self._section.users:
            raise DriftError(
                "postgres.not-of-the-pair",
                f"{self._name}: the user in {self._section.vault} is none of {self._pair}",
                hint="name the user in force among `users`, or write one of them there",
            )
        return self._credential("", user, str(values.get(self._section.password_field, "")))

    def check(self, current: Credential | None) -> Sequence[Problem]:
        idle = self._other(current)
        with self._admin() as connection:
            problems = [*checks.missing(connection, self._section)]
            if not problems:
                problems += checks.differences(connection, self._section)
        users = [] if problems else sessions.of(self._asked(), idle)
        if users:
            problems.append(
                Problem(
                    code="postgres.idle-user-used",
                    message=f"{idle} should be idle, and has sessions: {'; '.join(users)}",
                    hint="who uses it holds an old password; let him take the one in Vault",
                )
            )
        if current is not None and not problems and not self._accepts(self._primary, current):
            problems.append(
                Problem(
                    code="postgres.current-refused",
                    message=f"{current.handle['user']} does not log in with the password in {self._section.vault}",
                    hint="the rotation gives consumers one that does",
                    hinders=False,
                )
            )
        return problems

    def plan(self, rotation: str, current: Credential | None, randomness: Randomness) -> Credential:
        password = generate(self._section.generator, randomness)
        return self._credential(rotation, self._other(current), password)

    def create(self, new: Credential, fence: Fence) -> Credential:
        user, password = new.handle["user"], new.values[self._section.password_field]
        with self._admin() as connection:
            verifier = connection.pgconn.encrypt_password(
                password.encode(), user.encode(), b"scram-sha-256"
            ).decode()
            change = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {} VALID UNTIL 'infinity';").format(
                sql.Identifier(user), sql.Literal(verifier)
            )
            self._fenced(connection, fence, change)
        return new

    def probe(self, credential: Credential) -> Proof:
        user = credential.handle["user"]
        if not self._accepts(self._primary, credential):
            raise ProbeFailedError(
                "postgres.probe-refused", f"{self._primary}: {user} does not log in with the new password"
            )
        if self._primary.accepts(user, self._parts.randomness(_HEX_BYTES).hex()):
            raise ProbeFailedError(
                "postgres.probe-proves-nothing",
                f"{self._primary}: {user} logs in with any password (`trust` in pg_hba.conf)",
                hint="use scram-sha-256 for this user",
            )
        for replica in self._replicas:
            if not self._accepts(replica, credential):
                raise NotYetError(
                    "postgres.replica-behind",
                    f"{replica}: does not know the new password of {user} yet",
                    delay=2.0,
                )
        for pooler in self._poolers:
            if not self._accepts(pooler, credential):
                raise ProbeFailedError(
                    "postgres.pooler-refused",
                    f"{pooler}: the pooler does not let {user} in with the new password",
                    hint="let it look passwords up (`auth_query`), or name no pooler",
                )
        return self._proof("login", user)

    def idle(self, old: Credential) -> Proof:
        user = old.handle["user"]
        users = sessions.of(self._asked(), user)
        users += self._pooled(user)
        if users:
            raise StillInUseError(
                "postgres.sessions-open",
                f"{user} has open sessions: {'; '.join(users[:5])}",
                users=users,
                hint="consumers outside Kubernetes have to take the new login themselves",
            )
        proof = self._proof("sessions", user)
        return Proof(kind=proof.kind, facts={**proof.facts, "open": 0})

    def disable(self, old: Credential, fence: Fence) -> None:
        self._alter(old, "ALTER ROLE {} NOLOGIN;", fence)

    def enable(self, old: Credential, fence: Fence) -> None:
        self._alter(old, "ALTER ROLE {} LOGIN;", fence)

    def cut(self, old: Credential, fence: Fence) -> None:
        self._alter(old, "", fence)
        for server, connect in self._asked():
            with connect() as connection:
                if sessions.ended(connection, old.handle["user"]) < 0:
                    raise TransientError(
                        "postgres.not-ended",
                        f"{server}: this role may not end sessions of {old.handle['user']}",
                        hint=f"GRANT pg_signal_backend TO {self._section.admin.user}",
                    )

    def refused(self, old: Credential) -> Proof:
        user = old.handle["user"]
        for server in (self._primary, *self._replicas):
            try:
                accepted = self._accepts(server, old)
            except TransientError:
                # The login failed, in words that are not known here. What the catalogue says decides.
                with self._admin() as connection:
                    accepted = checks.may_log_in(connection, user)
                if accepted:
                    raise
            if accepted and server is not self._primary:
                raise NotYetError("postgres.replica-behind", f"{server}: still lets {user} in", delay=2.0)
            if accepted:
                raise StillValidError(
                    "postgres.still-valid", f"{server}: {user} still logs in with the old password"
                )
        return self._proof("login-refused", user)

    def destroy(self, credential: Credential, fence: Fence) -> None:
        self._alter(credential, "ALTER ROLE {} NOLOGIN PASSWORD NULL;", fence)

    def _alter(self, credential: Credential, statement: str, fence: Fence) -> None:
        change = (
            sql.SQL(statement)
            if not statement
            else sql.SQL(statement).format(sql.Identifier(credential.handle["user"]))
        )
        with self._admin() as connection:
            self._fenced(connection, fence, change)

    def _fenced(self, connection: Connection, held: Fence, change: sql.Composable) -> None:
        schema = self._section.fence_schema
        if not fence.exists(connection, schema):
            fence.make(connection, schema)
        fence.fenced(connection, schema, self._pair, held, change)

    def _accepts(self, server: Server, credential: Credential) -> bool:
        return server.accepts(
            credential.handle["user"], credential.values.get(self._section.password_field, "")
        )

    def _pooled(self, user: str) -> list[str]:
        users = []
        for pooler, section in zip(self._poolers, self._section.poolers, strict=True):
            password = None if section.password is None else self._parts.secret(section.password)
            console = self._server(section.host, section.port, sslmode=section.sslmode, database="pgbouncer")
            with _admitted(console, section.user, password) as connection:
                users += sessions.pooled(connection, str(pooler), user)
        return users

    def _asked(self) -> list[tuple[Server, sessions.Connect]]:
        password = self._password()
        return [
            (server, lambda server=server: _admitted(server, self._section.admin.user, password))  # type: ignore[misc]
            for server in (self._primary, *self._replicas)
        ]

    @contextlib.contextmanager
    def _admin(self) -> Iterator[Connection]:
        with _admitted(self._primary, self._section.admin.user, self._password()) as connection:
            # What is acknowledged must outlive a crash, whatever this server's default is.
            connection.execute(
                "SELECT set_config('synchronous_commit', 'on', false)"
                " WHERE current_setting('synchronous_commit') = 'off'"
            )
            connection.execute(f"SET lock_timeout = {round(self._section.timeout_seconds * 1000)}")
            yield connection

    def _password(self) -> str | None:
        source = self._section.admin.password
        return None if source is None else self._parts.secret(source)

    def _server(
        self, host: str, port: int, *, sslmode: str | None = None, database: str | None = None
    ) -> Server:
        ca_file = self._section.ca_file
        return Server(
            host=host,
            port=port,
            database=database or self._section.database,
            sslmode=sslmode or self._section.sslmode,
            ca_file=None if ca_file is None else str(self._parts.folder / Path(ca_file)),
            timeout=self._section.timeout_seconds,
        )

    def _other(self, current: Credential | None) -> str:
        first, second = self._section.users
        return second if current is not None and current.handle["user"] == first else first

    def _credential(self, rotation: str, user: str, password: str) -> Credential:
        return Credential(
            rotation=rotation,
            handle={"user": user},
            values={self._section.username_field: user, self._section.password_field: password},
        )

    def _proof(self, kind: str, user: str) -> Proof:
        servers = [str(server) for server in (self._primary, *self._replicas, *self._poolers)]
        return Proof(kind=kind, facts={"user": user, "servers": servers})


@contextlib.contextmanager
def _admitted(server: Server, user: str, password: str | None) -> Iterator[Connection]:
    try:
        with server.session(user, password) as connection:
            yield connection
    except LoginRefusedError:
        raise TransientError(
            "postgres.admin-refused",
            f"{server}: does not let {user} in, who administers this secret",
            hint="`admin` names the role and where its password is",
            delay=300.0,
        ) from None


def _split(replica: str) -> tuple[str, int]:
    host, _, port = replica.partition(":")
    return host, int(port or 5432)


def build(name: str, section: PostgresSecret, parts: Parts) -> Rotator:
    """The rotator of a secret of this kind."""
    return PostgresRotator(name, section, parts)


__all__ = ["PostgresRotator", "RefusedStatementError", "build"]
