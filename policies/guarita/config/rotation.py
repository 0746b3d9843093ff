"""The section `rotation` of guarita.yaml; the kinds of secrets stand in files of their own."""

from __future__ import annotations

import datetime as dt
import graphlib
import zoneinfo
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from guarita.config.rotation_base import ClusterName, KvPlace, Name, NonEmpty, Timeout
from guarita.config.rotation_metrics import MetricsSection
from guarita.config.rotation_sealing import SealingSection
from guarita.config.rotation_secrets import SecretSection
from guarita.config.section import Section
from guarita.config.sinks import SecretSource, check_plaintext, check_url

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
ClockTime = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="HH:MM")]


class TokenLogin(Section, frozen=True, kw_only=True, tag_field="method", tag="token"):
    """A token that somebody else made. By itself the variable VAULT_TOKEN."""

    token: SecretSource = msgspec.field(default_factory=lambda: SecretSource(env="VAULT_TOKEN"))


class AppRoleLogin(Section, frozen=True, kw_only=True, tag_field="method", tag="approle"):
    """Vault's AppRole method, for runners outside a cluster."""

    role_id: NonEmpty
    secret_id: SecretSource
    mount: NonEmpty = "approle"


class KubernetesLogin(Section, frozen=True, kw_only=True, tag_field="method", tag="kubernetes"):
    """Vault's Kubernetes method, by a service-account token of the pod or by TokenRequest."""

    role: NonEmpty
    mount: NonEmpty = "kubernetes"
    token_file: Annotated[
        NonEmpty, Meta(description="The projected token. Without the file one is asked for by TokenRequest.")
    ] = "/var/run/secrets/tokens/vault"  # noqa: S105  # its place
    audience: Annotated[NonEmpty, Meta(description="What the token is for, as Vault's role expects it.")] = (
        "vault"
    )
    service_account: (
        Annotated[
            str, Meta(pattern="^[^/]+/[^/]+$", description="NAMESPACE/NAME that TokenRequest is asked for.")
        ]
        | None
    ) = None
    cluster: ClusterName | None = None


class VaultSection(Section, frozen=True, kw_only=True):
    """Vault or OpenBao: where values, journals and staged values live."""

    address: (
        Annotated[NonEmpty, Meta(description="https://HOST:8200. [default: the variable VAULT_ADDR]")] | None
    ) = None
    ca_file: Annotated[NonEmpty, Meta(description="[default: the variable VAULT_CACERT]")] | None = None
    namespace: NonEmpty | None = None
    login: TokenLogin | AppRoleLogin | KubernetesLogin = TokenLogin()
    state: Annotated[
        KvPlace,
        Meta(description="MOUNT/PATH in a KV engine v2 below which journals and staged values are kept."),
    ] = "secret/guarita/rotation"
    timeout_seconds: Timeout = 10.0
    plaintext: Annotated[bool, Meta(description="Use http:// to another host all the same.")] = False

    def __post_init__(self) -> None:
        if self.address is not None:
            check_url(self.address)
            check_plaintext(self.address, self.plaintext)


class ClusterSection(Section, frozen=True, kw_only=True):
    """A Kubernetes cluster whose pods take secrets. Empty: the one that this process runs in."""

    kubeconfig: (
        Annotated[NonEmpty, Meta(description="A file. [default: the pod's own account, else KUBECONFIG]")]
        | None
    ) = None
    context: NonEmpty | None = None
    namespace: Annotated[
        NonEmpty, Meta(description="Where the Lease stands, and deliveries that name no namespace.")
    ] = "default"
    timeout_seconds: Timeout = 10.0


class WindowSection(Section, frozen=True, kw_only=True):
    """When rotations may begin and consumers may be restarted."""

    start: ClockTime
    end: Annotated[ClockTime, Meta(description="Earlier than `start`: on the next day.")]
    days: Annotated[list[Day], Meta(min_length=1, description="On which it starts. [default: every day]")] = (
        msgspec.field(default_factory=lambda: ["mon", "tue", "wed", "thu", "fri", "sat", "sun"])
    )
    timezone: Annotated[NonEmpty, Meta(description="A name of the IANA database.")] = "UTC"

    def __post_init__(self) -> None:
        try:
            zoneinfo.ZoneInfo(self.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"`timezone`: {self.timezone!r} is not in the IANA database") from error
        if dt.time.fromisoformat(self.start) == dt.time.fromisoformat(self.end):
            raise ValueError("a window that ends when it starts is none")


class RotationAuditSection(Section, frozen=True, kw_only=True):
    """What becomes of a rotation while the ledger cannot be written."""

    when_unwritable: Annotated[
        Literal["stop", "buffer"],
        Meta(
            description="stop: go on only when what was done is recorded. buffer: keep events in the journal till then."
        ),
    ] = "stop"


class RotationSection(Section, frozen=True, kw_only=True):
    """Rotation: every secret under its maximum age, and no failed login on the way."""

    vault: VaultSection = VaultSection()
    clusters: Annotated[
        dict[ClusterName, ClusterSection], Meta(description="[default: one, called `default`]")
    ] = msgspec.field(default_factory=lambda: {"default": ClusterSection()})
    secrets: dict[Name, SecretSection] = msgspec.field(default_factory=dict)
    windows: Annotated[
        list[WindowSection],
        Meta(description="A secret that is older than its limit waits for none. [default: always]"),
    ] = msgspec.field(default_factory=list)
    max_restarts: Annotated[
        int, Meta(ge=1, le=1000, description="Workloads that are restarted at the same time.")
    ] = 1
    jitter_days: Annotated[
        float,
        Meta(ge=0, le=30, description="Secrets become due up to so many days earlier, each by its name."),
    ] = 2.0
    patience_seconds: Annotated[
        float,
        Meta(
            ge=0, le=86_400, description="How long a run waits in all for what is on its way; then it ends."
        ),
    ] = 1800.0
    lease_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="How long others leave a rotation, and a cluster's Lease, to a runner that is silent. 0: not at all.",
        ),
    ] = 60.0
    audit: RotationAuditSection = RotationAuditSection()
    metrics: MetricsSection | None = None
    sealing: SealingSection | None = None

    def __post_init__(self) -> None:
        for name, secret in self.secrets.items():
            for other in secret.after:
                if other not in self.secrets:
                    raise ValueError(f"{name}: `after` names {other!r}, and there is no such secret")
            for delivery in secret.deliver:
                if delivery.cluster is None and len(self.clusters) > 1:
                    raise ValueError(f"{name}: with several clusters each delivery names its `cluster`")
                if delivery.cluster is not None and delivery.cluster not in self.clusters:
                    raise ValueError(f"{name}: {delivery.cluster!r} is none of `clusters`")
        try:
            graphlib.TopologicalSorter({name: one.after for name, one in self.secrets.items()}).prepare()
        except graphlib.CycleError as error:
            raise ValueError(f"`after` goes in a circle: {', '.join(error.args[1])}") from error
