"""What Guarita writes on objects of a cluster: names of versions, labels and annotations."""

from __future__ import annotations

import hashlib
from typing import Final

from guarita.rotation.interface import Delivery

PREFIX: Final = "rotation.guarita.dev"
MANAGER: Final = "guarita-rotation"
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
OURS: Final = "guarita"

DELIVERY: Final = f"{PREFIX}/delivery"
"""Label of a version, and of a canary: the plain name, shortened."""
PLAIN: Final = f"{PREFIX}/plain-name"
ROTATION: Final = f"{PREFIX}/rotation"
"""Annotation of a version and of a canary: its rotation."""
CANARY: Final = f"{PREFIX}/canary"
"""Label of a canary: the workload, shortened."""
ROLLOUT: Final = f"{PREFIX}/rollout"
"""Annotation of a workload: when its template was pointed, and which failure was known then."""
IN_TRAFFIC: Final = f"{PREFIX}/in-traffic"
"""A readiness gate that nobody opens: what has it never counts as ready for a Service."""

_LABEL: Final = 63
"""Longest label value, longest name of an annotation after its prefix, and longest host name."""


def short(text: str, limit: int = _LABEL) -> str:
    """The text itself, or a part of it with a digest where it is too long."""
    if len(text) <= limit:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f"{text[: limit - 17].rstrip('-.')}-{digest}"


def version_name(delivery: Delivery, rotation: str | None) -> str:
    """The name of the Secret that holds a rotation's values; the plain name for None."""
    return delivery.name if rotation is None else f"{delivery.name}-{rotation}"


def delivery_label(delivery: Delivery) -> str:
    """The value of DELIVERY."""
    return short(delivery.name)


def template_annotation(delivery: Delivery) -> str:
    """On a pod template: the rotation whose version it refers to."""
    return f"{PREFIX}/{short(delivery.name)}"


def fence_annotation(secret: str) -> str:
    """On whatever a step changed: the greatest fencing token that was seen there, for one secret of guarita.yaml."""
    return f"fence.{PREFIX}/{short(secret)}"


def canary_name(kind: str, workload: str, rotation: str) -> str:
    """The name of the one pod that is tried before the fleet: the same for each try."""
    return short(f"{workload}-{kind.lower()}-canary-{rotation}".lower())
