"""Keys that sign tokens, and the key set by which others verify them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from guarita.config.rotation_base import DAY, BaseSecret, ClusterName, KvField, KvPlace, NonEmpty, Timeout
from guarita.config.section import Section


class KeySetPlace(Section, frozen=True, kw_only=True):
    """Where the public key set stands, as a JWK Set (RFC 7517)."""

    vault: KvField | None = None
    file: Annotated[NonEmpty, Meta(description="From the folder of guarita.yaml.")] | None = None
    config_map: (
        Annotated[
            str,
            Meta(pattern=r"^[a-z0-9-]+/[a-z0-9.-]+#[-._a-zA-Z0-9]+$", description="NAMESPACE/NAME#KEY"),
        ]
        | None
    ) = None
    cluster: Annotated[ClusterName, Meta(description="Of the ConfigMap.")] = "default"

    def __post_init__(self) -> None:
        if sum(place is not None for place in (self.vault, self.file, self.config_map)) != 1:
            raise ValueError("a key set stands at one of `vault`, `file` and `config_map`")


class TokenProbe(Section, frozen=True, kw_only=True):
    """A request by a token that we sign ourselves, to who verifies: it must take the new key, and refuse the old."""

    url: Annotated[str, Meta(pattern="^https?://")]
    claims: Annotated[
        dict[str, str | int | bool | list[str]],
        Meta(description="Such as iss, aud, sub, scope. iat, exp and jti are added."),
    ]
    type: Annotated[str, Meta(description="`typ` of the token's header.")] = "at+jwt"
    ok: Annotated[list[int], Meta(min_length=1, description="Statuses that accept.")] = msgspec.field(
        default_factory=lambda: [200, 204]
    )
    refused: Annotated[list[int], Meta(min_length=1, description="Statuses that refuse.")] = msgspec.field(
        default_factory=lambda: [401]
    )
    ca_file: NonEmpty | None = None


class JwtSecret(BaseSecret, frozen=True, kw_only=True, tag="jwt"):
    """A private key that signs tokens. Whoever verifies follows the published set."""

    vault: KvPlace
    algorithm: Literal["ES256", "ES384", "RS256", "PS256", "EdDSA"] = "ES256"
    key_sets: Annotated[list[KeySetPlace], Meta(min_length=1)]
    served_at: Annotated[
        list[Annotated[str, Meta(pattern="^https?://")]],
        Meta(description="Addresses at which the set is served: a key counts as published when it is there."),
    ] = msgspec.field(default_factory=list)
    max_age_seconds: Annotated[
        float,
        Meta(ge=0, le=7 * DAY, description="How long those who verify keep a set before they look again."),
    ] = 3600.0
    skew_seconds: Annotated[float, Meta(ge=0, le=3600, description="By which clocks differ.")] = 60.0
    token_lifetime_seconds: Annotated[
        float, Meta(gt=0, le=30 * DAY, description="Of the longest-lived token that is signed by it.")
    ]
    probe: TokenProbe | None = None
    ca_file: Annotated[NonEmpty, Meta(description="For `served_at` and `probe`.")] | None = None
    timeout_seconds: Timeout = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(
            place.vault is not None and place.vault.startswith(f"{self.vault}#") for place in self.key_sets
        ):
            raise ValueError("a public key set does not stand beside the private key: name another place")
