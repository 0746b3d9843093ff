"""`gateway.clients` in guarita.yaml: tokens that this service gets to call others, as itself or for who calls it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from guarita.config.gateway_access import Text
from guarita.config.gateway_login import ClientSection, Origin, check_origin
from guarita.config.gateway_tokens import Url
from guarita.config.section import Section
from guarita.config.sinks import SecretSource

ScopeToken = Annotated[str, Meta(pattern=r"^[!#-\[\]-~]{1,256}$")]
ClientName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class ServiceSection(Section, frozen=True, kw_only=True):
    """Tokens for calls to one service."""

    issuer: Annotated[Url, Meta(description="Who gives them.")]
    client: ClientSection
    targets: Annotated[
        list[Origin],
        Meta(min_length=1, description="Where its tokens may be sent: https://HOST, and nowhere else."),
    ]
    scopes: list[ScopeToken] = msgspec.field(default_factory=list)
    audience: Annotated[Text, Meta(description="Whom they are for (RFC 8693 section 2.1).")] | None = None
    resource: Annotated[list[Url], Meta(description="The same, as addresses (RFC 8707).")] = msgspec.field(
        default_factory=list
    )
    token_endpoint: Annotated[Url, Meta(description="[default: by discovery]")] | None = None
    dpop: Annotated[bool, Meta(description="Bind them to a key of ours (RFC 9449).")] = False
    dpop_key: (
        Annotated[SecretSource, Meta(description="A PEM. [default: a fresh key of the process]")] | None
    ) = None
    renew_before: Annotated[
        float, Meta(ge=1, le=3600, description="Seconds before its end at which a token is renewed.")
    ] = 60
    exchange_seconds: Annotated[
        float, Meta(ge=1, le=86_400, description="A token for somebody else's is used so long at most.")
    ] = 300
    max_subjects: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Tokens for others that are remembered at once.")
    ] = 10_000
    timeout: Annotated[float, Meta(ge=0.1, le=60, description="Seconds that the issuer may take.")] = 5
    ca_file: Text | None = None
    insecure_loopback: Annotated[bool, Meta(description="http:// on this machine.")] = False

    def __post_init__(self) -> None:
        if self.client.method == "none":
            raise ValueError("`client` needs a `secret` or a `key`: anybody could ask for tokens in its name")
        if self.dpop_key is not None and not self.dpop:
            raise ValueError("`dpop_key` without `dpop: true`")
        for target in self.targets:
            check_origin(target, insecure_loopback=self.insecure_loopback)


__all__ = ["ServiceSection"]
