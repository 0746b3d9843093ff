"""A login of Redis, by two ACL users that take turns."""

from __future__ import annotations

from typing import Annotated

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
from guarita.config.section import Section

UserName = Annotated[str, Meta(pattern=r"^[^\s]{1,128}$", description="An ACL user.")]
NodeAddress = Annotated[
    str, Meta(pattern=r"^(\[[0-9a-fA-F:]+\]|[^\s:/]+)(:[0-9]{1,5})?$", description="HOST or HOST:PORT")
]
Rule = Annotated[
    str,
    Meta(pattern=r"^([~&%+(-].*|(all|reset)(keys|channels)|allcommands|nocommands)$"),
]


class RedisAdminSection(Section, frozen=True, kw_only=True):
    """The user that may alter the two (+acl +client|list +config +info, and the fence's keys)."""

    user: UserName = "default"
    password: PlaceSource | None = None


class RedisSecret(BaseSecret, frozen=True, kw_only=True, tag="redis"):
    """A login of Redis 6 or later (Valkey too), by two ACL users that take turns."""

    vault: KvPlace
    users: Annotated[
        list[UserName], Meta(min_length=2, max_length=2, description="The pair that takes turns.")
    ]
    rules: (
        Annotated[
            list[Rule],
            Meta(description="Rights of both, as in ACL SETUSER. [default: those of the other one]"),
        ]
        | None
    ) = None
    nodes: Annotated[
        list[NodeAddress],
        Meta(
            min_length=1,
            description="The primary first, and every replica: Redis does not replicate its ACL.",
        ),
    ]
    admin: RedisAdminSection
    tls: bool = True
    ca_file: NonEmpty | None = None
    username_field: FieldName = "username"
    password_field: FieldName = "password"  # noqa: S105  # the name of a field
    generator: GeneratorSection = msgspec.field(default_factory=GeneratorSection)
    timeout_seconds: Timeout = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.users[0] == self.users[1] or self.admin.user in self.users:
            raise ValueError("`users` are two, and the admin's is a third")
