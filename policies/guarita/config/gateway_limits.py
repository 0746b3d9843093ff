"""`gateway.redis`, `gateway.limits` and `gateway.revocation` in guarita.yaml."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta

from guarita.config.gateway_access import Method, Permission, RoleName
from guarita.config.section import Section
from guarita.config.sinks import SecretSource

NonEmpty = Annotated[str, Meta(min_length=1)]
Bound = Annotated[
    float, Meta(gt=0, le=10, description="Seconds that anybody waits for Redis; beyond, it counts as gone.")
]


class RedisSection(Section, frozen=True, kw_only=True):
    """The Redis (or Valkey) that the gateway's processes share."""

    url: Annotated[
        str, Meta(pattern="^(rediss?|unix)://", description="redis://HOST:PORT/DB; rediss:// is by TLS.")
    ]
    username: NonEmpty | None = None
    password: SecretSource | None = None
    ca: (
        Annotated[NonEmpty, Meta(description="PEM file of authorities, from the folder of guarita.yaml.")]
        | None
    ) = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.password is not None or parts.username is not None:
            raise ValueError(
                "user and password do not stand in the url: name them by `username` and `password`"
            )


class LimitRule(Section, frozen=True, kw_only=True):
    """So many requests in so many seconds, for whom, and on what. All conditions must hold."""

    name: Annotated[
        str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="In headers, events and metrics.")
    ]
    quota: Annotated[int, Meta(ge=1, le=10_000_000, description="Requests.")]
    window: Annotated[int, Meta(ge=1, le=31_536_000, description="Seconds.")]
    by: Annotated[
        Literal["principal", "client", "everybody"],
        Meta(
            description="Who has a quota: each principal (each address where nobody is known), each address, all."
        ),
    ] = "principal"
    counts: Annotated[
        Literal["admitted", "arriving"],
        Meta(
            description="`arriving`: before credentials are looked at, by address, so that guessing them is slow."
        ),
    ] = "admitted"
    routes: (
        Annotated[
            list[str],
            Meta(min_length=1, description="Paths of `gateway.access.routes`, as they stand there."),
        ]
        | None
    ) = None
    methods: Annotated[list[Method], Meta(min_length=1)] | None = None
    permissions: (
        Annotated[list[Permission], Meta(min_length=1, description="Routes that ask for one of them.")] | None
    ) = None
    roles: (
        Annotated[list[RoleName], Meta(min_length=1, description="Principals who have one of them.")] | None
    ) = None

    def __post_init__(self) -> None:
        if self.counts == "arriving" and (
            self.by != "client" or self.roles or self.permissions or self.routes
        ):
            raise ValueError(
                "`arriving` requests are counted `by: client`, on all routes: nothing else is known yet"
            )


class LimitsSection(Section, frozen=True, kw_only=True):
    """Rate limits."""

    rules: Annotated[
        list[LimitRule], Meta(min_length=1, description="Every one that fits a request counts it.")
    ]
    store: Annotated[
        Literal["memory", "redis"], Meta(description="`memory`: each process counts for itself.")
    ] = "memory"
    when_gone: Annotated[
        Literal["deny", "allow", "memory"],
        Meta(
            description="What happens while Redis is gone: 503, no limit, or each process counts for itself."
        ),
    ] = "deny"
    timeout_seconds: Bound = 0.1
    ipv6_prefix: Annotated[
        int,
        Meta(
            ge=32, le=128, description="Addresses that are one client: a subscriber has a whole /64 or more."
        ),
    ] = 64

    def __post_init__(self) -> None:
        names = [rule.name for rule in self.rules]
        if len(set(names)) < len(names):
            raise ValueError("two limits have the same name")


class RevocationSection(Section, frozen=True, kw_only=True):
    """Tokens, subjects and clients that are revoked before their time, by Redis."""

    when_gone: Annotated[
        Literal["deny", "allow"],
        Meta(
            description="While Redis is gone for longer than `max_age_seconds`: 503, or what is known counts."
        ),
    ] = "deny"
    poll_seconds: Annotated[float, Meta(gt=0, le=60, description="How often each process asks for news.")] = (
        1.0
    )
    max_age_seconds: Annotated[float, Meta(gt=0, le=3600)] = 10.0
    timeout_seconds: Bound = 1.0

    def __post_init__(self) -> None:
        if self.max_age_seconds <= self.poll_seconds + self.timeout_seconds:
            raise ValueError(
                "`max_age_seconds` must be more than `poll_seconds` and `timeout_seconds` together"
            )
