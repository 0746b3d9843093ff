"""`gateway.access` in guarita.yaml: roles, who has them, and what a route asks for."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from guarita.config.section import Section

RoleName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
Permission = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}:[A-Za-z0-9_.-]{1,64}$")]
PermissionPattern = Annotated[
    str,
    Meta(
        pattern=r"^(\*|([A-Za-z0-9_.-]{1,64}|\*):([A-Za-z0-9_.-]{1,64}|\*))$",
        description="resource:action; `*` stands for all of either, or alone for everything.",
    ),
]
Text = Annotated[str, Meta(min_length=1, max_length=512)]
ClaimName = Annotated[str, Meta(min_length=1, max_length=256)]
ClaimPath = Annotated[
    ClaimName | Annotated[list[ClaimName], Meta(min_length=1, max_length=8)],
    Meta(description="`realm_access.roles`, or a list of names where a name holds a dot."),
]
Method = Annotated[str, Meta(pattern=r"^(\*|[A-Z]{1,20}(-[A-Z]{1,20})*)$", description="GET, POST, … or `*`")]


def steps(path: str | list[str]) -> tuple[str, ...]:
    """The names that lead to a claim."""
    return tuple(path.split(".")) if isinstance(path, str) else tuple(path)


def _check_claim_path(path: str | list[str]) -> None:
    if isinstance(path, str) and "://" in path:
        raise ValueError("a claim's name that holds dots is written as a list: [NAME]")
    if "" in steps(path):
        raise ValueError("a claim's name is empty")


class RoleSection(Section, frozen=True, kw_only=True):
    """What a role may do, and what nobody who has it may do."""

    inherits: Annotated[list[RoleName], Meta(description="Roles whose allow and deny it takes over.")] = (
        msgspec.field(default_factory=list)
    )
    allow: list[PermissionPattern] = msgspec.field(default_factory=list)
    deny: Annotated[
        list[PermissionPattern], Meta(description="Wins over every allow, of this role and of any other.")
    ] = msgspec.field(default_factory=list)


class ClaimCondition(Section, frozen=True, kw_only=True):
    """A claim that has a value, or holds it where the claim is a list."""

    path: ClaimPath
    value: Annotated[
        Text | int | bool, Meta(description="Compared by type too: 1, `1` and true are three values.")
    ]

    def __post_init__(self) -> None:
        _check_claim_path(self.path)


class BindingSection(Section, frozen=True, kw_only=True):
    """Who has a role. All conditions that are named must hold."""

    role: RoleName
    issuer: Annotated[Text, Meta(description="A token's issuer, or `api-key`.")] | None = None
    subject: Annotated[Text, Meta(description="Only with `issuer`.")] | None = None
    scope: Text | None = None
    claim: ClaimCondition | None = None
    credential_role: Annotated[Text, Meta(description="A role that the credential itself names.")] | None = (
        None
    )

    def __post_init__(self) -> None:
        conditions = (self.issuer, self.subject, self.scope, self.claim, self.credential_role)
        if all(condition is None for condition in conditions):
            raise ValueError(
                "a binding needs a condition: `issuer`, `subject`, `scope`, `claim` or `credential_role`"
            )
        if self.subject is not None and self.issuer is None:
            raise ValueError("`subject` needs `issuer`: another issuer may name somebody else so")


class OwnerCondition(Section, frozen=True, kw_only=True):
    """A path parameter that must equal the caller's subject, or one of a claim's values."""

    parameter: Annotated[
        str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$", description="Its name in the path.")
    ]
    issuer: Annotated[Text, Meta(description="Whose subjects or claims the parameter is about.")] | None = (
        None
    )
    claim: Annotated[ClaimPath, Meta(description="Instead of the subject.")] | None = None
    unless: (
        Annotated[Permission, Meta(description="Whoever has this permission need not be the owner.")] | None
    ) = None

    def __post_init__(self) -> None:
        if self.claim is not None:
            _check_claim_path(self.claim)


class RouteSection(Section, frozen=True, kw_only=True):
    """What a request must bring to be let through."""

    path: Annotated[
        str,
        Meta(
            pattern=r"^/", max_length=1024, description="/docs/{id}; `{rest...}` at the end takes all below."
        ),
    ]
    methods: Annotated[list[Method], Meta(min_length=1, description="GET covers HEAD; `*` is every method.")]
    permissions: (
        Annotated[list[Permission], Meta(min_length=1, description="All of them are needed.")] | None
    ) = None
    authenticated: Annotated[bool, Meta(description="Anybody with a good credential.")] = False
    public: Annotated[bool, Meta(description="Anybody, without a credential.")] = False
    owner: Annotated[list[OwnerCondition], Meta(description="Each must hold besides.")] = msgspec.field(
        default_factory=list
    )

    privileged: Annotated[
        bool, Meta(description="Each request that it lets through is an event of its own in the ledger.")
    ] = False

    def __post_init__(self) -> None:
        if (self.permissions is not None) + self.authenticated + self.public != 1:
            raise ValueError(
                "a route asks for exactly one of `permissions`, `authenticated: true` and `public: true`"
            )
        if self.public and self.owner:
            raise ValueError("a public route has no owner")
        if "*" in self.methods and len(self.methods) > 1:
            raise ValueError("`*` stands alone in `methods`")


class AccessSection(Section, frozen=True, kw_only=True):
    """Access: roles, who has them, and what each route asks for. A route without a rule is refused."""

    roles: dict[RoleName, RoleSection] = msgspec.field(default_factory=dict)
    bindings: Annotated[list[BindingSection], Meta(description="Who has a role.")] = msgspec.field(
        default_factory=list
    )
    routes: Annotated[list[RouteSection], Meta(description="The most specific one decides.")] = msgspec.field(
        default_factory=list
    )


__all__ = [
    "AccessSection",
    "BindingSection",
    "ClaimCondition",
    "OwnerCondition",
    "RoleSection",
    "RouteSection",
    "steps",
]
