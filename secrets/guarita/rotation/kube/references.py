"""Where a pod's spec refers to a Secret: every field of the core API that can, found and rewritten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Pointer = tuple[str | int, ...]

_CONTAINERS: Final = (("initContainers", "init "), ("containers", ""), ("ephemeralContainers", "ephemeral "))
_VOLUMES: Final[Mapping[str, tuple[str, ...]]] = {
    "secret": ("secretName",),
    "azureFile": ("secretName",),
    "csi": ("nodePublishSecretRef", "name"),
    "cephfs": ("secretRef", "name"),
    "flexVolume": ("secretRef", "name"),
    "iscsi": ("secretRef", "name"),
    "rbd": ("secretRef", "name"),
    "scaleIO": ("secretRef", "name"),
    "storageos": ("secretRef", "name"),
}
"""Kinds of volumes that name a Secret, and where."""
CSI_DRIVER: Final = "secrets-store.csi.k8s.io"


@dataclass(frozen=True)
class Reference:
    """One place in a pod's spec that names a Secret."""

    secret: str
    pointer: Pointer
    """Where the name stands, from the spec on."""
    use: str
    """For a person: `api: env DB_PASSWORD`."""


def references(spec: Mapping[str, Any]) -> Iterator[Reference]:
    """Every place of a pod's spec that names a Secret, in the order of the spec."""
    for field, word in _CONTAINERS:
        for n, container in enumerate(spec.get(field) or ()):
            yield from _of_container(container, (field, n), f"{word}{container.get('name', '?')}")
    for n, volume in enumerate(spec.get("volumes") or ()):
        yield from _of_volume(volume, ("volumes", n))
    yield from pull_secrets(spec)


def _of_container(container: Mapping[str, Any], at: Pointer, who: str) -> Iterator[Reference]:
    for n, source in enumerate(container.get("envFrom") or ()):
        name = (source.get("secretRef") or {}).get("name")
        if name:
            yield Reference(name, (*at, "envFrom", n, "secretRef", "name"), f"{who}: envFrom")
    for n, variable in enumerate(container.get("env") or ()):
        name = ((variable.get("valueFrom") or {}).get("secretKeyRef") or {}).get("name")
        if name:
            pointer = (*at, "env", n, "valueFrom", "secretKeyRef", "name")
            yield Reference(name, pointer, f"{who}: env {variable.get('name', '?')}")


def _of_volume(volume: Mapping[str, Any], at: Pointer) -> Iterator[Reference]:
    who = volume.get("name", "?")
    for kind, steps in _VOLUMES.items():
        found: Any = volume.get(kind)
        for step in steps:
            found = (found or {}).get(step)
        if found:
            word = "volume" if kind == "secret" else f"{kind} volume"
            yield Reference(found, (*at, kind, *steps), f"{word} {who}")
    for n, source in enumerate((volume.get("projected") or {}).get("sources") or ()):
        name = (source.get("secret") or {}).get("name")
        if name:
            yield Reference(name, (*at, "projected", "sources", n, "secret", "name"), f"projected {who}")


def certificates(ingress: Mapping[str, Any]) -> Iterator[Reference]:
    """The certificates that an Ingress serves."""
    for n, tls in enumerate((ingress.get("spec") or {}).get("tls") or ()):
        if tls.get("secretName"):
            hosts = ", ".join(tls.get("hosts") or ("every host",))
            yield Reference(tls["secretName"], ("spec", "tls", n, "secretName"), f"tls of {hosts}")


def pull_secrets(account: Mapping[str, Any]) -> Iterator[Reference]:
    """What a ServiceAccount hands to its pods to pull their images by."""
    for n, pull in enumerate(account.get("imagePullSecrets") or ()):
        if pull.get("name"):
            yield Reference(pull["name"], ("imagePullSecrets", n, "name"), "imagePullSecrets")


def through_csi(spec: Mapping[str, Any]) -> Sequence[str]:
    """The SecretProviderClasses by which a pod takes secrets past Kubernetes' own."""
    found = []
    for volume in spec.get("volumes") or ():
        csi = volume.get("csi") or {}
        if csi.get("driver") == CSI_DRIVER:
            found.append((csi.get("volumeAttributes") or {}).get("secretProviderClass", "?"))
    return found


def text(pointer: Pointer) -> str:
    """A pointer as JSON Pointer (RFC 6901)."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in pointer)
