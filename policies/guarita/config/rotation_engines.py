"""Secrets that an engine of Vault's makes good: AppRole secret-ids, certificates, transit keys."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from guarita.config.rotation_base import DAY, BaseSecret, FieldName, KvField, KvPlace, NonEmpty, Timeout
from guarita.config.section import Section

Mount = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$", description="Of the engine.")]
EngineName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,128}$")]
Endpoint = Annotated[str, Meta(pattern=r"^(\[[0-9a-fA-F:]+\]|[^\s:/]+):[0-9]{1,5}$", description="HOST:PORT")]
HostName = Annotated[
    str,
    Meta(
        pattern=r"^(\*\.)?[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$"
    ),
]


class AppRoleSecret(BaseSecret, frozen=True, kw_only=True, tag="approle"):
    """The secret-id of an AppRole of Vault's, by which a service outside Kubernetes logs in."""

    vault: KvPlace
    role: EngineName
    mount: Mount = "approle"
    role_id_field: FieldName = "role_id"
    secret_id_field: FieldName = "secret_id"  # noqa: S105  # the name of a field


class PkiSecret(BaseSecret, frozen=True, kw_only=True, tag="pki"):
    """A TLS certificate, signed by Vault's PKI engine for a key of ours."""

    vault: KvPlace
    role: Annotated[EngineName, Meta(description="The PKI role that signs.")]
    mount: Mount = "pki"
    common_name: HostName
    alt_names: Annotated[list[HostName], Meta(description="Beside the common name.")] = msgspec.field(
        default_factory=list
    )
    usage: Annotated[
        Literal["server", "client"],
        Meta(description="What it is shown as in a handshake. client: to a server."),
    ] = "server"
    key: Literal["ec-p256", "ec-p384", "ed25519", "rsa-2048", "rsa-3072", "rsa-4096"] = "ec-p256"
    ttl_days: (
        Annotated[
            float,
            Meta(
                gt=0,
                le=825,
                description="Validity. [default: max_age_days and a week, so that a failed run has time]",
            ),
        ]
        | None
    ) = None
    endpoints: Annotated[
        list[Endpoint],
        Meta(description="Where it is served: each is shaken hands with before the old one is revoked."),
    ] = msgspec.field(default_factory=list)
    certificate_field: FieldName = "tls.crt"
    key_field: FieldName = "tls.key"
    chain_field: FieldName = "ca.crt"
    timeout_seconds: Timeout = 10.0

    @property
    def ttl_seconds(self) -> int:
        """How long it is to be valid."""
        return int((self.max_age_days + 7 if self.ttl_days is None else self.ttl_days) * DAY)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.usage == "client" and self.endpoints:
            raise ValueError("`endpoints` serve certificates of `usage: server`")
        if self.ttl_days is not None and self.ttl_days < self.max_age_days:
            raise ValueError("`ttl_days` is less than `max_age_days`: it would expire before it is overdue")


class RewrapSection(Section, frozen=True, kw_only=True):
    """Where ciphertexts of a transit key are kept, so that they can be rewrapped for its new version."""

    fields: Annotated[
        list[KvField], Meta(description="Fields in KV engines that hold one ciphertext each.")
    ] = msgspec.field(default_factory=list)
    command: (
        Annotated[
            list[NonEmpty],
            Meta(
                min_length=1,
                description="A program for everything else. Called with `rewrap KEY VERSION`: rewrap what is older; "
                "and with `check KEY VERSION`: exit 0 when nothing older is left, 1 when there is.",
            ),
        ]
        | None
    ) = None
    timeout_seconds: Annotated[float, Meta(gt=0, le=DAY, description="For the command.")] = 600.0


class TransitSecret(BaseSecret, frozen=True, kw_only=True, tag="transit"):
    """A key of Vault's transit engine. Its versions stay in Vault; nothing is published."""

    key: EngineName
    mount: Mount = "transit"
    rewrap: RewrapSection
    trim: Annotated[
        bool,
        Meta(
            description="Destroy old versions for good after the soak: backups sealed by them are lost, too."
        ),
    ] = False
