"""SealedSecrets: made from Secrets, opened again, merged into, sealed anew for the newest key."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from guarita.rotation.sealed import crypto
from guarita.rotation.sealed.errors import SealedInputError, UnsealError
from guarita.rotation.sealed.keys import PrivateKey, PrivateKeys, SealingCertificate
from guarita.rotation.sealed.manifest import (
    Secret,
    check_key,
    check_name,
    check_namespace,
    decoded,
    objects,
    template_metadata,
    texts_of,
)
from guarita.rotation.sealed.scope import Scope

API_VERSION: Final = "bitnami.com/v1alpha1"
KIND: Final = "SealedSecret"


@dataclass(frozen=True)
class SealedSecret:
    """A SealedSecret (`bitnami.com/v1alpha1`)."""

    name: str
    namespace: str
    scope: Scope
    values: Mapping[str, bytes] = field(repr=False)
    """`encryptedData`, out of its base64."""
    metadata: Mapping[str, Any]
    template: Mapping[str, Any]

    @property
    def label(self) -> bytes:
        """What its values are bound to."""
        return self.scope.label(self.namespace, self.name)

    def manifest(self) -> dict[str, Any]:
        """As the controller takes it."""
        return {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": dict(self.metadata),
            "spec": {
                "encryptedData": {key: base64.b64encode(raw).decode() for key, raw in self.values.items()},
                "template": dict(self.template),
            },
        }


def seal(secret: Secret, certificate: SealingCertificate, scope: Scope) -> SealedSecret:
    """Seal each value of a Secret for itself. Raises SealedInputError `sealed.namespace`, `sealed.empty`."""
    place = f"Secret {secret.name!r}"
    check_name(secret.name, place)
    if not secret.namespace and scope is not Scope.CLUSTER_WIDE:
        raise SealedInputError(
            "sealed.namespace",
            f"{place}: names no namespace, and in scope {scope.value} it is sealed into the value",
            hint="--namespace gives one",
        )
    if not secret.values:
        raise SealedInputError("sealed.empty", f"{place}: holds no value to seal")
    names = {"name": secret.name, **({"namespace": secret.namespace} if secret.namespace else {})}
    declared = scope.annotated({})
    annotations = scope.annotated(secret.annotations)
    kept = {key: value for key, value in secret.metadata.items() if key not in {*names, "annotations"}}
    template: dict[str, Any] = {
        "metadata": {**names, **kept, **({"annotations": annotations} if annotations else {})}
    }
    if secret.type is not None:
        template["type"] = secret.type
    if secret.immutable is not None:
        template["immutable"] = secret.immutable
    label = scope.label(secret.namespace, secret.name)
    return SealedSecret(
        name=secret.name,
        namespace=secret.namespace,
        scope=scope,
        values={key: crypto.seal(certificate.key, value, label) for key, value in secret.values.items()},
        metadata={**names, **({"annotations": declared} if declared else {})},
        template=template,
    )


def merge(standing: SealedSecret, secret: Secret, certificate: SealingCertificate) -> SealedSecret:
    """Seal the values of a Secret into a SealedSecret that stands; what it has beside them, stays.

    Name, namespace and scope are those of the one that stands, since its other values are bound to them.
    Raises SealedInputError `sealed.other` for a Secret that says otherwise, `sealed.empty`.
    """
    for what, ours, theirs in (
        ("name", secret.name, standing.name),
        ("namespace", secret.namespace, standing.namespace),
        ("type", secret.type, standing.template.get("type")),
    ):
        if ours and ours != (theirs or "Opaque" if what == "type" else theirs):
            raise SealedInputError(
                "sealed.other", f"the {what} of the Secret is {ours!r}, and {theirs!r} in the SealedSecret"
            )
    annotated = Scope.of(secret.annotations)
    if annotated is not Scope.STRICT and annotated is not standing.scope:
        raise SealedInputError(
            "sealed.other", f"the Secret is {annotated.value}, and the SealedSecret {standing.scope.value}"
        )
    whole = replace(secret, name=standing.name, namespace=standing.namespace)
    fresh = seal(whole, certificate, standing.scope)
    metadata = dict(standing.template.get("metadata") or {})
    for part in ("labels", "annotations"):
        added = {**(metadata.get(part) or {}), **(fresh.template["metadata"].get(part) or {})}
        if added:
            metadata[part] = added
    return replace(
        standing,
        values={**standing.values, **fresh.values},
        template={**standing.template, "metadata": metadata},
    )


def unseal(sealed: SealedSecret, keys: PrivateKeys) -> tuple[Secret, dict[str, PrivateKey]]:
    """Open every value; also which key opened it.

    Raises UnsealError `sealed.no-key`, `sealed.damaged`, SealedInputError `sealed.template` for a template
    with `data`, which only the controller fills in.
    """
    place = f"SealedSecret {sealed.name!r}"
    if sealed.template.get("data"):
        raise SealedInputError(
            "sealed.template",
            f"{place}: its template makes values out of others, which only the controller does",
            hint="without --stdout and --output the values are opened and checked alone",
        )
    values, by = open_values(sealed, keys)
    metadata = template_metadata(sealed.template.get("metadata") or {}, place)
    metadata["name"] = sealed.name
    if sealed.namespace:
        metadata["namespace"] = sealed.namespace
    secret = Secret(
        name=sealed.name,
        namespace=sealed.namespace,
        values=values,
        metadata=metadata,
        type=sealed.template.get("type"),
        immutable=sealed.template.get("immutable"),
    )
    return secret, by


def open_values(sealed: SealedSecret, keys: PrivateKeys) -> tuple[dict[str, bytes], dict[str, PrivateKey]]:
    """The values, and which key opened each. Raises as `unseal`."""
    values, by = {}, {}
    for key, raw in sealed.values.items():
        values[key], by[key] = _opened(sealed, key, raw, keys)
    return values, by


def reseal(sealed: SealedSecret, keys: PrivateKeys, certificate: SealingCertificate) -> SealedSecret:
    """Seal for this certificate what was sealed for others; what is sealed for it already, stays as it is.

    Raises UnsealError.
    """
    values = {}
    for key, raw in sealed.values.items():
        value, by = _opened(sealed, key, raw, keys)
        current = by.fingerprint == certificate.fingerprint
        values[key] = raw if current else crypto.seal(certificate.key, value, sealed.label)
    return replace(sealed, values=values)


def read_sealed(text: bytes, source: str) -> list[SealedSecret]:
    """Read SealedSecrets from YAML or JSON: several documents, and Lists, too.

    Raises SealedInputError: `sealed.not-sealed`, `sealed.malformed`, `sealed.yaml`.
    """
    return [_sealed(found, f"{source}: document {at}") for at, found in enumerate(objects(text, source), 1)]


def _opened(sealed: SealedSecret, key: str, raw: bytes, keys: PrivateKeys) -> tuple[bytes, PrivateKey]:
    place = f"SealedSecret {sealed.name!r}: {key}"
    try:
        return keys.open(raw, sealed.label)
    except crypto.DamagedError as error:
        raise UnsealError("sealed.damaged", f"{place}: {error}") from None
    except crypto.OtherKeyError:
        pass
    for scope in Scope:
        try:
            keys.open(raw, scope.label(sealed.namespace, sealed.name))
        except ValueError:
            continue
        raise UnsealError(
            "sealed.no-key",
            f"{place}: sealed in scope {scope.value}, and its annotations say {sealed.scope.value}",
            hint="the controller does not open it either: seal it anew",
        )
    raise UnsealError(
        "sealed.no-key",
        f"{place}: none of the {len(keys.keys)} keys opens it",
        hint="it was sealed for another key, or for another name or namespace",
    )


def _sealed(found: Mapping[str, Any], place: str) -> SealedSecret:
    if found.get("kind") != KIND or found.get("apiVersion") != API_VERSION:
        raise SealedInputError(
            "sealed.not-sealed",
            f"{place}: a {found.get('kind', 'Secret')} of {found.get('apiVersion')}, "
            f"where a {KIND} of {API_VERSION} is needed",
        )
    metadata = template_metadata(found.get("metadata"), place)
    spec = found.get("spec")
    if not isinstance(spec, dict):
        raise SealedInputError("sealed.malformed", f"{place}: has no spec")
    if spec.get("data") is not None:
        raise SealedInputError(
            "sealed.malformed",
            f"{place}: its one blob `spec.data` is of a form that the controller no longer takes",
        )
    values = {}
    for key, text in texts_of(spec.get("encryptedData"), f"{place}: spec.encryptedData").items():
        check_key(key, f"{place}: spec.encryptedData")
        values[key] = decoded(text, f"{place}: spec.encryptedData.{key}")
    template = spec.get("template") or {}
    if not isinstance(template, dict) or not isinstance(template.get("metadata") or {}, dict):
        raise SealedInputError("sealed.malformed", f"{place}: spec.template is no mapping")
    return SealedSecret(
        name=check_name(metadata.get("name"), place),
        namespace=check_namespace(metadata.get("namespace"), place),
        scope=Scope.of(metadata.get("annotations") or {}),
        values=values,
        metadata=metadata,
        template=template,
    )
