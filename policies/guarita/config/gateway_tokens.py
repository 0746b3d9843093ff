"""`gateway.tokens` in guarita.yaml: whose access tokens are taken, and how far each issuer is trusted."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from guarita.config.gateway_access import ClaimPath, Text
from guarita.config.section import Section
from guarita.config.sinks import SecretSource

AlgorithmName = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"
]
Url = Annotated[str, Meta(pattern=r"^https?://[^\s#]+$", max_length=2048)]
Term = Annotated[float, Meta(ge=1, le=604_800)]
Leeway = Annotated[float, Meta(ge=0, le=300, description="Seconds that clocks may differ.")]


class KeysSection(Section, frozen=True, kw_only=True):
    """How fresh an issuer's keys are kept, in seconds."""

    refresh: Annotated[Term, Meta(description="Where the issuer's max-age says nothing.")] = 300
    refresh_min: Annotated[Term, Meta(description="max-age is not believed below this.")] = 60
    refresh_max: Annotated[Term, Meta(description="max-age is not believed above this.")] = 3_600
    cooldown: Annotated[Term, Meta(description="Between two fetches for unknown keys.")] = 10
    failure_cooldown: Annotated[Term, Meta(description="After a failure.")] = 5
    stale: Annotated[Term, Meta(description="How old the last good set may grow in an outage.")] = 21_600

    def __post_init__(self) -> None:
        if not self.refresh_min <= self.refresh <= self.refresh_max <= self.stale:
            raise ValueError("expected refresh_min <= refresh <= refresh_max <= stale")


class IssuerSection(Section, frozen=True, kw_only=True):
    """An issuer of JWT access tokens."""

    issuer: Annotated[Url, Meta(description="Its identifier, letter by letter as in `iss`.")]
    audiences: Annotated[list[Text], Meta(min_length=1, description="Ours: a token must name one of them.")]
    jwks_uri: Annotated[Url, Meta(description="Where its keys are. [default: by discovery]")] | None = None
    algorithms: Annotated[list[AlgorithmName], Meta(min_length=1)] = msgspec.field(
        default_factory=lambda: ["RS256", "PS256", "ES256", "EdDSA"]
    )
    types: Annotated[
        list[Annotated[str, Meta(pattern=r"^([a-z0-9][a-z0-9+.-]{0,62})?$")]],
        Meta(
            min_length=1,
            description="`typ` of an access token; `jwt` for issuers that say only that, an empty text for "
            "those that say nothing.",
        ),
    ] = msgspec.field(default_factory=lambda: ["at+jwt"])
    profile: Annotated[bool, Meta(description="RFC 9068: iat, jti and client_id are required.")] = True
    leeway: Leeway = 30
    max_lifetime: Annotated[Term, Meta(description="Seconds from iat to exp at most.")] = 86_400
    roles: (
        Annotated[
            ClaimPath, Meta(description="The claim with role names, such as `realm_access.roles`. [none]")
        ]
        | None
    ) = None
    keys: KeysSection = KeysSection()


class IntrospectionSection(Section, frozen=True, kw_only=True):
    """An issuer that is asked about opaque tokens (RFC 7662)."""

    issuer: Url
    audiences: Annotated[list[Text], Meta(min_length=1)]
    client_id: Text
    client_secret: SecretSource
    client_auth: Literal["client_secret_basic", "client_secret_post"] = "client_secret_basic"
    endpoint: Annotated[Url, Meta(description="[default: by discovery]")] | None = None
    cache: Annotated[
        float, Meta(ge=0, le=3600, description="Seconds that an active token is not asked about again.")
    ] = 60
    cache_inactive: Annotated[float, Meta(ge=0, le=60, description="Seconds, for one that was refused.")] = 5
    leeway: Leeway = 30
    require_audience: Annotated[bool, Meta(description="Refuse an answer without `aud`.")] = True
    require_token_type: Annotated[
        bool, Meta(description="Refuse an answer without `token_type`: it may be a refresh token.")
    ] = True
    roles: ClaimPath | None = None


class DpopSection(Section, frozen=True, kw_only=True):
    """Tokens that are bound to a key of the client's (RFC 9449)."""

    algorithms: Annotated[list[AlgorithmName], Meta(min_length=1)] = msgspec.field(
        default_factory=lambda: ["ES256", "EdDSA", "RS256", "PS256"]
    )
    max_age: Annotated[float, Meta(ge=5, le=600, description="Seconds that a proof counts.")] = 60
    leeway: Annotated[float, Meta(ge=0, le=60, description="Seconds that a client's clock is ahead.")] = 5
    nonce: Annotated[bool, Meta(description="Ask for a nonce of ours in each proof.")] = False
    nonce_secret: (
        Annotated[
            SecretSource,
            Meta(description="At least 32 characters; shared by processes that are one service."),
        ]
        | None
    ) = None
    replay_store: Annotated[
        Literal["memory", "redis"],
        Meta(
            description="`memory`: a proof counts once in each process. `redis`: once in all, by `gateway.redis`, and "
            "nobody is let in by a proof while it is gone."
        ),
    ] = "memory"
    replay_size: Annotated[int, Meta(ge=1_000, le=10_000_000, description="Proofs remembered in memory.")] = (
        100_000
    )
    replay_timeout: Annotated[
        float, Meta(gt=0, le=10, description="Seconds that a request waits for Redis.")
    ] = 0.5

    def __post_init__(self) -> None:
        if self.nonce_secret is not None and not self.nonce:
            raise ValueError("`nonce_secret` without `nonce: true`")


class ResourceSection(Section, frozen=True, kw_only=True):
    """What this service says about itself to clients (RFC 9728)."""

    resource: Annotated[Url, Meta(description="Its identifier: an https address.")]
    name: Text | None = None
    documentation: Url | None = None
    scopes: list[Text] = msgspec.field(default_factory=list)


class TokensSection(Section, frozen=True, kw_only=True):
    """Access tokens: JWT, opaque ones, and bound ones."""

    issuers: list[IssuerSection] = msgspec.field(default_factory=list)
    introspection: IntrospectionSection | None = None
    dpop: DpopSection | None = None
    require_bound: Annotated[
        bool, Meta(description="Refuse tokens that are bound neither to a key nor to a certificate.")
    ] = False
    resource: ResourceSection | None = None
    keys_folder: (
        Annotated[
            Text, Meta(description="Where the last good key sets are kept, from the folder of guarita.yaml.")
        ]
        | None
    ) = None
    timeout: Annotated[float, Meta(ge=0.1, le=60, description="Seconds that an issuer may take.")] = 5
    ca_file: Text | None = None
    insecure_loopback: Annotated[bool, Meta(description="Take http:// issuers on this machine.")] = False

    def __post_init__(self) -> None:
        names = [issuer.issuer for issuer in self.issuers]
        if len(set(names)) != len(names):
            raise ValueError("an issuer stands in the list twice")
