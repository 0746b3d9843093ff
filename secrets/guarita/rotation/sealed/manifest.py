"""Secrets as manifests: read strictly, one or many, and written again."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import yaml

from guarita.config import strictyaml
from guarita.errors import UsageError
from guarita.rotation.sealed.errors import SealedInputError

MAX_SECRET: Final = 1024 * 1024
"""Bytes of all values of a Secret; the API server takes no more (MaxSecretSize)."""
_KEY: Final = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_MAX_NAME: Final = 253
_OF_THE_SERVER: Final = frozenset(
    {
        "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields",
        "ownerReferences", "resourceVersion", "selfLink", "uid",
    }
)  # fmt: skip
"""Metadata that a server writes, which no template has a use for."""
_COPIES: Final = frozenset(
    {"kubectl.kubernetes.io/last-applied-configuration", "kubecfg.ksonnet.io/last-applied-configuration"}
)
"""Annotations that hold the whole Secret in clear (bitnami-labs/sealed-secrets issue 227)."""
_BREAKS: Final = frozenset("\x85\u2028\u2029\ufeff")


@dataclass(frozen=True)
class Secret:
    """A Secret: its values, and everything else that a template of it keeps."""

    name: str
    namespace: str
    values: Mapping[str, bytes] = field(repr=False)
    metadata: Mapping[str, Any]
    """Without what a server writes, and without annotations that copy the values."""
    type: str | None = None
    immutable: bool | None = None

    @property
    def annotations(self) -> Mapping[str, str]:
        annotations: Mapping[str, str] = self.metadata.get("annotations") or {}
        return annotations

    def manifest(self) -> dict[str, Any]:
        """The Secret as Kubernetes takes it, values in base64."""
        document: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": dict(self.metadata)}
        if self.immutable is not None:
            document["immutable"] = self.immutable
        if self.type is not None:
            document["type"] = self.type
        document["data"] = {key: base64.b64encode(value).decode() for key, value in self.values.items()}
        return document


def read_secrets(text: bytes, source: str) -> list[Secret]:
    """Read Secrets from YAML or JSON: several documents, and Lists, too.

    Raises SealedInputError: `sealed.not-a-secret`, `sealed.malformed`, `sealed.yaml`, `sealed.too-large`.
    """
    return [_secret(found, f"{source}: document {at}") for at, found in enumerate(objects(text, source), 1)]


def objects(text: bytes, source: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a stream of YAML documents, those of Lists one by one. Raises SealedInputError `sealed.yaml`."""
    try:
        documents = strictyaml.parse_all(text, source)
    except UsageError as error:
        # Its text may quote what stands there, such as a password that begins with `*` or `!`.
        place = re.match(re.escape(source) + r"(:\d+)?", error.message)
        raise SealedInputError(
            "sealed.yaml",
            f"{place.group() if place else source}: no YAML that can be read here ({error.code})",
            hint="keys once, no tags, UTF-8; values that begin with `*`, `&` or `!` need quotes",
        ) from None
    if not documents:
        raise SealedInputError("sealed.yaml", f"{source}: empty")
    for document in documents:
        data = document.data
        if not isinstance(data, dict) or not isinstance(data.get("kind"), str):
            raise document.error("sealed.yaml", (), "no object with a `kind`")
        items = data.get("items") if data["kind"].endswith("List") else None
        for item in [data] if items is None else items:
            if not isinstance(item, dict) or not isinstance(item.get("kind", "Secret"), str):
                raise document.error("sealed.yaml", ("items",), "no list of objects")
            yield item


def decoded(text: Any, place: str) -> bytes:
    """A value of `data`: base64, in which line breaks do not count. Raises SealedInputError `sealed.malformed`."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, AttributeError, ValueError):
        raise SealedInputError(
            "sealed.malformed", f"{place}: not base64", hint="plain text stands in `stringData`"
        ) from None


def template_metadata(metadata: Any, place: str) -> dict[str, Any]:
    """Metadata without what a server writes and what copies the values. Raises SealedInputError `sealed.malformed`."""
    if not isinstance(metadata, dict):
        raise SealedInputError("sealed.malformed", f"{place}: has no metadata")
    kept = {key: value for key, value in metadata.items() if key not in _OF_THE_SERVER}
    for part in ("labels", "annotations"):
        if part not in kept:
            continue
        texts = texts_of(kept.pop(part), f"{place}: metadata.{part}")
        if texts := {key: text for key, text in texts.items() if key not in _COPIES}:
            kept[part] = texts
    return kept


def texts_of(mapping: Any, place: str) -> dict[str, str]:
    """A mapping of texts, as labels and `stringData` are. Raises SealedInputError `sealed.malformed`."""
    if mapping is None:
        return {}
    if not isinstance(mapping, dict):
        raise SealedInputError("sealed.malformed", f"{place}: not a mapping")
    for key, text in mapping.items():
        if not isinstance(text, str):
            raise SealedInputError(
                "sealed.malformed",
                f"{place}.{key}: not a text",
                hint="numbers, dates and booleans need quotes",
            )
    return mapping


def check_key(key: str, place: str) -> None:
    """Raise SealedInputError `sealed.malformed` for what may not be a key of a Secret."""
    if not _KEY.fullmatch(key) or key in {".", ".."}:
        raise SealedInputError(
            "sealed.malformed", f"{place}: {key!r} may not be a key", hint="letters, digits, `-`, `_` and `.`"
        )


def check_name(name: Any, place: str) -> str:
    """The name. Raises SealedInputError `sealed.malformed` for one that Kubernetes does not take."""
    if not isinstance(name, str) or len(name) > _MAX_NAME or not _NAME.fullmatch(name):
        raise SealedInputError(
            "sealed.malformed",
            f"{place}: metadata.name is no name that Kubernetes takes",
            hint="--name gives one",
        )
    return name


def check_namespace(namespace: Any, place: str) -> str:
    """The namespace, or an empty text where none stands. Raises SealedInputError `sealed.malformed`."""
    if namespace in {None, ""}:
        return ""
    if not isinstance(namespace, str) or not _NAMESPACE.fullmatch(namespace):
        raise SealedInputError(
            "sealed.malformed", f"{place}: metadata.namespace is no name that Kubernetes takes"
        )
    return namespace


def check_size(values: Mapping[str, bytes], place: str) -> None:
    """Raise SealedInputError `sealed.too-large` for values that no Secret can hold."""
    if sum(map(len, values.values())) > MAX_SECRET:
        raise SealedInputError("sealed.too-large", f"{place}: a Secret holds at most {MAX_SECRET} bytes")


def as_yaml(documents: Iterable[Mapping[str, Any]]) -> str:
    """Documents as YAML, in the order of their keys, `---` between them."""
    found = list(documents)
    text = _dumped(found, allow_unicode=True)
    # PyYAML folds these as line breaks, and does not read them back as they were.
    return text if _BREAKS.isdisjoint(text) else _dumped(found, allow_unicode=False)


def _dumped(documents: list[Mapping[str, Any]], *, allow_unicode: bool) -> str:
    return yaml.dump_all(
        documents,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        width=2**31,
        allow_unicode=allow_unicode,
    )


def as_json(documents: list[dict[str, Any]]) -> str:
    """One object, or a List of them, on one line."""
    whole = documents[0] if len(documents) == 1 else {"apiVersion": "v1", "kind": "List", "items": documents}
    return msgspec.json.encode(whole).decode() + "\n"


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # the name is PyYAML's
        return True


def _secret(found: Mapping[str, Any], place: str) -> Secret:
    if found.get("kind", "Secret") != "Secret" or found.get("apiVersion", "v1") != "v1":
        raise SealedInputError(
            "sealed.not-a-secret",
            f"{place}: a {found.get('kind')} of {found.get('apiVersion')}, where a Secret of v1 is needed",
        )
    metadata = template_metadata(found.get("metadata") or {}, place)
    name = metadata.get("name", "")
    values = {}
    for key, text in texts_of(found.get("data"), f"{place}: data").items():
        check_key(key, f"{place}: data")
        values[key] = decoded(text, f"{place}: data.{key}")
    for key, text in texts_of(found.get("stringData"), f"{place}: stringData").items():
        check_key(key, f"{place}: stringData")
        values[key] = text.encode()  # as the API server: it wins over `data`
    check_size(values, place)
    kind, immutable = found.get("type"), found.get("immutable")
    if not isinstance(kind, str | None) or not isinstance(immutable, bool | None):
        raise SealedInputError("sealed.malformed", f"{place}: `type` is a text, `immutable` true or false")
    return Secret(
        name=check_name(name, place) if name else "",
        namespace=check_namespace(metadata.get("namespace"), place),
        values=values,
        metadata=metadata,
        type=kind,
        immutable=immutable,
    )
