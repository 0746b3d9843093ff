"""What every secret under `rotation.secrets` in guarita.yaml has, whatever its type."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from guarita.config.section import Section

NonEmpty = Annotated[str, Meta(min_length=1)]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
ClusterName = Annotated[str, Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
KvPlace = Annotated[
    str,
    Meta(
        pattern=r"^(?!\.{1,2}(/|#|$))[^/#?\s]+(/(?!\.{1,2}(/|#|$))[^/#?\s]+)+$",
        description="MOUNT/PATH in a KV engine v2 of Vault.",
    ),
]
KvField = Annotated[
    str,
    Meta(
        pattern=r"^(?!\.{1,2}(/|#|$))[^/#?\s]+(/(?!\.{1,2}(/|#|$))[^/#?\s]+)+#[^#\s]+$",
        description="MOUNT/PATH#FIELD in a KV engine v2 of Vault.",
    ),
]
Timeout = Annotated[float, Meta(gt=0, le=300, description="For each call.")]
FieldName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,128}$")]
DAY = 86_400


class GeneratorSection(Section, frozen=True, kw_only=True):
    """How a new value is made."""

    form: Annotated[
        Literal["alphanumeric", "hex", "base64", "base64url", "ascii"],
        Meta(description="Of which characters. ascii: all that print, without space, quotes and backslash."),
    ] = "alphanumeric"
    length: Annotated[
        int, Meta(ge=16, le=4096, description="Characters; for hex and base64 bytes before encoding.")
    ] = 40
    prefix: Annotated[str, Meta(max_length=64, description="Stands before it, such as `whsec_`.")] = ""


class PlaceSource(Section, frozen=True, kw_only=True):
    """Where a secret that rotation itself needs is read from. It never stands in guarita.yaml."""

    env: Annotated[NonEmpty, Meta(description="The name of an environment variable.")] | None = None
    file: (
        Annotated[NonEmpty, Meta(description="A file that holds it, from the folder of guarita.yaml.")] | None
    ) = None
    vault: KvField | None = None

    def __post_init__(self) -> None:
        if sum(place is not None for place in (self.env, self.file, self.vault)) != 1:
            raise ValueError("a secret is named by one of `env`, `file` and `vault`")


class DeliverySection(Section, frozen=True, kw_only=True):
    """A Kubernetes Secret that pods take: immutable versions of it are made, and templates pointed at them."""

    secret: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9]([a-z0-9.-]{0,188}[a-z0-9])?$",
            description="Its plain name. Versions are called NAME-ROTATION.",
        ),
    ]
    namespace: Annotated[NonEmpty, Meta(description="[default: the cluster's]")] | None = None
    cluster: ClusterName | None = None
    type: NonEmpty = "Opaque"
    data: Annotated[
        dict[Annotated[str, Meta(pattern=r"^[-._a-zA-Z0-9]{1,253}$")], NonEmpty],
        Meta(
            description="Keys of the Secret, from fields: `{password}`, within addresses `{password|url}`. [default: all]"
        ),
    ] = msgspec.field(default_factory=dict)
    restart: Annotated[bool, Meta(description="Point templates at each new version.")] = True
    canary: Annotated[bool, Meta(description="Prove one pod, out of traffic, before the fleet.")] = True


class BaseSecret(
    Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type"
):
    """What every secret has."""

    max_age_days: Annotated[float, Meta(gt=0, le=3650, description="Older than this is red.")] = 30.0
    renew_before_days: Annotated[
        float, Meta(ge=0, le=365, description="Due so many days before that, so that a failed run has time.")
    ] = 5.0
    after: Annotated[
        list[Name], Meta(description="Secrets that are rotated before this one when both are due.")
    ] = msgspec.field(default_factory=list)
    deliver: list[DeliverySection] = msgspec.field(default_factory=list)
    overlap_seconds: Annotated[
        float,
        Meta(
            ge=0, le=30 * DAY, description="The old one stays valid so long after the last consumer switched."
        ),
    ] = 0.0
    soak_seconds: Annotated[
        float,
        Meta(ge=0, le=30 * DAY, description="From disabling the old one until it is destroyed for good."),
    ] = float(DAY)
    contact: Annotated[NonEmpty, Meta(description="A person or team that answers for it.")] | None = None

    def __post_init__(self) -> None:
        if self.renew_before_days >= self.max_age_days:
            raise ValueError("`renew_before_days` leaves no day at which the secret is not due")
