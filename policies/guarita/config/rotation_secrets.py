"""The kinds of secrets that rotate: `rotation.secrets.NAME` in guarita.yaml, told apart by `type`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from guarita.config.rotation_base import (
    BaseSecret,
    FieldName,
    GeneratorSection,
    KvPlace,
    NonEmpty,
    PlaceSource,
    Timeout,
)
from guarita.config.rotation_engines import AppRoleSecret, PkiSecret, TransitSecret
from guarita.config.rotation_jwt import JwtSecret
from guarita.config.rotation_redis import RedisSecret
from guarita.config.section import Section

Port = Annotated[int, Meta(ge=1, le=65_535)]
RoleName = Annotated[str, Meta(min_length=1, max_length=63, description="A role of PostgreSQL.")]


class HttpProbeSection(Section, frozen=True, kw_only=True):
    """A request that succeeds with the value in force, and fails with any other."""

    url: Annotated[str, Meta(pattern="^https?://")]
    header: Annotated[str, Meta(pattern="^[A-Za-z0-9-]{1,64}$")] = "Authorization"
    value: Annotated[NonEmpty, Meta(description="From fields: `Bearer {token}`.")]
    ok: Annotated[list[int], Meta(min_length=1, description="Statuses that accept.")] = msgspec.field(
        default_factory=lambda: [200, 204]
    )
    refused: Annotated[list[int], Meta(min_length=1, description="Statuses that refuse.")] = msgspec.field(
        default_factory=lambda: [401, 403]
    )
    ca_file: NonEmpty | None = None
    timeout_seconds: Timeout = 10.0


class KvSecret(BaseSecret, frozen=True, kw_only=True, tag="kv"):
    """A value that Guarita makes and consumers share: a webhook secret, a session key, a password among services."""

    vault: KvPlace
    fields: Annotated[
        dict[FieldName, GeneratorSection],
        Meta(min_length=1, description="Fields that are made anew; others stay as they are."),
    ] = msgspec.field(default_factory=lambda: {"value": GeneratorSection()})
    probe: HttpProbeSection | None = None


class PostgresAdminSection(Section, frozen=True, kw_only=True):
    """The role that may alter the two users (CREATEROLE with ADMIN OPTION on them) and owns the fence."""

    user: RoleName
    password: PlaceSource | None = None


class PgbouncerSection(Section, frozen=True, kw_only=True):
    """A pooler between consumers and the server: who uses the old user is asked there too."""

    host: NonEmpty
    port: Port = 6432
    user: Annotated[RoleName, Meta(description="One of its `stats_users` or `admin_users`.")]
    password: PlaceSource | None = None
    sslmode: Literal["disable", "require", "verify-ca", "verify-full"] = "verify-full"


class PostgresSecret(BaseSecret, frozen=True, kw_only=True, tag="postgres"):
    """A login of PostgreSQL, by two users that take turns; both act as one owner role."""

    vault: KvPlace
    users: Annotated[
        list[RoleName], Meta(min_length=2, max_length=2, description="The pair that takes turns.")
    ]
    owner_role: Annotated[
        RoleName, Meta(description="The role that both are members of, and that owns the objects.")
    ]
    host: NonEmpty
    port: Port = 5432
    database: NonEmpty
    replicas: Annotated[
        list[Annotated[str, Meta(pattern=r"^[^\s:]+(:[0-9]{1,5})?$")]],
        Meta(
            description="HOST or HOST:PORT of read replicas: new logins and old sessions are looked for there too."
        ),
    ] = msgspec.field(default_factory=list)
    poolers: list[PgbouncerSection] = msgspec.field(default_factory=list)
    admin: PostgresAdminSection
    sslmode: Literal["disable", "require", "verify-ca", "verify-full"] = "verify-full"
    ca_file: NonEmpty | None = None
    username_field: FieldName = "username"
    password_field: FieldName = "password"  # noqa: S105  # the name of a field
    generator: GeneratorSection = GeneratorSection()
    fence_schema: Annotated[str, Meta(pattern="^[a-z_][a-z0-9_]{0,62}$")] = "guarita_rotation"
    timeout_seconds: Timeout = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.users[0] == self.users[1] or self.owner_role in self.users:
            raise ValueError("`users` are two roles, and `owner_role` is a third")


SecretSection = (
    KvSecret | PostgresSecret | RedisSecret | JwtSecret | PkiSecret | AppRoleSecret | TransitSecret
)
"""Every kind there is. A new one stands in its file, and is named here and in `guarita.rotation.rotators`."""
