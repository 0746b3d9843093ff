"""The section `gateway` of guarita.yaml; each of its parts stands in a file of its own."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from guarita.config.gateway_access import AccessSection
from guarita.config.gateway_clients import ClientName, ServiceSection
from guarita.config.gateway_keys import ApiKeysSection
from guarita.config.gateway_limits import LimitsSection, RedisSection, RevocationSection
from guarita.config.gateway_login import LoginSection
from guarita.config.gateway_tokens import TokensSection
from guarita.config.section import Section


class AuditSection(Section, frozen=True, kw_only=True):
    """What the ledger is told of decisions."""

    when_unwritable: Annotated[
        Literal["deny", "drop"],
        Meta(
            description="deny: no decision while none can be recorded (503). drop: decide, and record the gap."
        ),
    ] = "deny"
    interval: Annotated[float, Meta(ge=1, le=3600, description="Seconds between two summaries.")] = 10.0


class MetricsSection(Section, frozen=True, kw_only=True):
    """Metrics in Prometheus' format."""

    path: (
        Annotated[
            str,
            Meta(
                pattern="^/[^?#\\s]*$",
                max_length=256,
                description="Where a service serves them; a route like others, which a rule must cover. [nowhere]",
            ),
        ]
        | None
    ) = None
    port: (
        Annotated[
            int,
            Meta(
                ge=1, le=65535, description="Where `guarita gateway serve` serves them, to anybody. [nowhere]"
            ),
        ]
        | None
    ) = None
    host: Annotated[str, Meta(min_length=1, description="The address of that port.")] = "127.0.0.1"


class CertificateSection(Section, frozen=True, kw_only=True):
    """Where declared proxies hand on the client's certificate (RFC 8705)."""

    header: Annotated[
        str,
        Meta(
            pattern="^[A-Za-z0-9-]{1,64}$",
            description="They must overwrite the client's own header of this name.",
        ),
    ]
    form: Annotated[
        Literal["rfc9440", "pem", "xfcc"],
        Meta(description="Client-Cert of RFC 9440, an escaped PEM (nginx, Traefik), or Envoy's XFCC."),
    ] = "rfc9440"


class GatewaySection(Section, frozen=True, kw_only=True):
    """The gateway: who may call what."""

    access: AccessSection = AccessSection()
    api_keys: ApiKeysSection | None = None
    audit: Annotated[AuditSection | None, Meta(description="Recording decisions in the ledger. [off]")] = None
    proxies: Annotated[
        list[str],
        Meta(
            description="Addresses or networks (10.0.0.0/8) whose forwarding headers are believed; `unix`: who reaches"
            " a Unix socket."
        ),
    ] = msgspec.field(default_factory=list)
    forwarded: Annotated[
        Literal["x-forwarded", "rfc7239"],
        Meta(
            description="What they write: X-Forwarded-For, -Proto and -Host, or the header Forwarded (RFC 7239)."
        ),
    ] = "x-forwarded"
    client_certificate: CertificateSection | None = None
    uncovered: Annotated[
        Literal["warn", "refuse"],
        Meta(
            description="What becomes of an application that has routes which no rule covers, at its start."
        ),
    ] = "warn"
    realm: Annotated[str, Meta(pattern=r"^[ !#-\[\]-~]{1,64}$")] = "guarita"
    tokens: TokensSection = TokensSection()
    login: LoginSection | None = None
    clients: Annotated[
        dict[ClientName, ServiceSection], Meta(description="Tokens for calls to other services.")
    ] = msgspec.field(default_factory=dict)
    redis: RedisSection | None = None
    limits: LimitsSection | None = None
    revocation: RevocationSection | None = None
    metrics: Annotated[MetricsSection | None, Meta(description="Count and time decisions. [off]")] = None
    tracing: Annotated[
        bool, Meta(description="A span for each decision, by OpenTelemetry as the process has set it up.")
    ] = False

    def __post_init__(self) -> None:
        for proxy in self.proxies:
            try:
                if proxy != "unix":
                    ipaddress.ip_network(proxy)
            except ValueError as error:
                raise ValueError(f"`proxies`: {proxy!r} is no address and no network") from error
