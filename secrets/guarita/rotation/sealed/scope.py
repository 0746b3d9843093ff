"""Where a sealed value may be unsealed: the label that binds it, and the annotation that says so."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

CLUSTER_WIDE: Final = "sealedsecrets.bitnami.com/cluster-wide"
NAMESPACE_WIDE: Final = "sealedsecrets.bitnami.com/namespace-wide"


class Scope(Enum):
    """The controller's three scopes, by their names in `kubeseal --scope`."""

    STRICT = "strict"
    """This namespace and this name."""
    NAMESPACE_WIDE = "namespace-wide"
    CLUSTER_WIDE = "cluster-wide"

    @classmethod
    def of(cls, annotations: Mapping[str, str]) -> Scope:
        """The scope that annotations declare, as the controller reads them: only the text `true` counts."""
        if annotations.get(CLUSTER_WIDE) == "true":
            return cls.CLUSTER_WIDE
        if annotations.get(NAMESPACE_WIDE) == "true":
            return cls.NAMESPACE_WIDE
        return cls.STRICT

    def annotated(self, annotations: Mapping[str, str]) -> dict[str, str]:
        """The annotations, declaring this scope and no other."""
        kept = {key: text for key, text in annotations.items() if key not in {CLUSTER_WIDE, NAMESPACE_WIDE}}
        match self:
            case Scope.CLUSTER_WIDE:
                return {**kept, CLUSTER_WIDE: "true"}
            case Scope.NAMESPACE_WIDE:
                return {**kept, NAMESPACE_WIDE: "true"}
        return kept

    def label(self, namespace: str, name: str) -> bytes:
        """What RSA-OAEP is bound to: `namespace/name`, `namespace`, or nothing."""
        match self:
            case Scope.CLUSTER_WIDE:
                return b""
            case Scope.NAMESPACE_WIDE:
                return namespace.encode()
        return f"{namespace}/{name}".encode()
