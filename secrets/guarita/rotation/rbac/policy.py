"""What a runner may do in Vault: each path that the configured secrets are rotated by, and nothing beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from guarita.config.rotation import RotationSection
from guarita.config.rotation_base import PlaceSource
from guarita.config.rotation_engines import AppRoleSecret, PkiSecret, TransitSecret
from guarita.config.rotation_jwt import JwtSecret
from guarita.config.rotation_redis import RedisSecret
from guarita.config.rotation_secrets import KvSecret, PostgresSecret, SecretSection


class Grant(NamedTuple):
    """One path of a policy."""

    path: str
    capabilities: tuple[str, ...]
    why: str


def grants(section: RotationSection) -> tuple[Grant, ...]:
    """Every path that this configuration needs, each once."""
    merged: dict[str, Grant] = {}
    for path, capabilities, why in _needed(section):
        known = merged.get(path, Grant(path, (), why))
        together = tuple(dict.fromkeys((*known.capabilities, *capabilities)))
        merged[path] = Grant(path, together, known.why)
    return tuple(merged.values())


def hcl(grants: Iterable[Grant]) -> str:
    """A policy as `bao policy write` and `vault policy write` take it."""
    blocks, said = [], ""
    for path, capabilities, why in grants:
        named = ", ".join(f'"{capability}"' for capability in capabilities)
        heading = f"# {why}\n" if why != said else ""
        blocks.append(f'{heading}path "{path}" {{ capabilities = [{named}] }}')
        said = why
    return "\n".join(blocks) + "\n"


def _needed(section: RotationSection) -> Iterator[Grant]:
    state = section.vault.state
    yield Grant(_kv(f"{state}/fingerprints"), ("create", "read"), "the key of fingerprints")
    why = "what is under way of secrets that are no longer configured"
    yield Grant(_kv(f"{state}/journal", "metadata"), ("list",), why)
    yield Grant(_kv(f"{state}/journal/*"), ("read",), why)
    for name, secret in section.secrets.items():
        yield Grant(
            _kv(f"{state}/journal/{name}"), ("create", "read", "update"), f"{name}: journal and staged values"
        )
        why = f"{name}: journal and staged values"
        # A target's answer (an accessor, a certificate, when it was made) is added to what is staged.
        completed = () if isinstance(secret, KvSecret | PostgresSecret) else ("update",)
        yield Grant(_kv(f"{state}/staged/{name}/*"), ("create", "read", *completed), why)
        yield Grant(_kv(f"{state}/staged/{name}/*", "metadata"), ("delete", "list"), why)
        if place := getattr(secret, "vault", None):
            why = f"{name}: where its value is published"
            yield Grant(_kv(place), ("create", "read", "update"), why)
            yield Grant(_kv(place, "metadata"), ("read",), why)
            yield Grant(_kv(place, "destroy"), ("update",), why)
        yield from _of_kind(name, secret)


def _of_kind(name: str, secret: SecretSection) -> Iterator[Grant]:
    match secret:
        case KvSecret():
            why = f"{name}: where its value is published"
            yield Grant(_kv(secret.vault, "delete"), ("update",), why)
            yield Grant(_kv(secret.vault, "undelete"), ("update",), why)
        case AppRoleSecret():
            yield from _approle(name, secret)
        case PkiSecret():
            yield from _pki(name, secret)
        case TransitSecret():
            yield from _transit(name, secret)
        case JwtSecret():
            for place in secret.key_sets:
                if place.vault is not None:
                    where = place.vault.rpartition("#")[0]
                    yield Grant(_kv(where), ("create", "read", "update"), f"{name}: the public key set")
        case RedisSecret():
            yield from _sources(name, secret.admin.password)
        case PostgresSecret():
            yield from _sources(name, secret.admin.password, *(pooler.password for pooler in secret.poolers))


def _approle(name: str, secret: AppRoleSecret) -> Iterator[Grant]:
    role, why = f"auth/{secret.mount}/role/{secret.role}", f"{name}: the AppRole {secret.role}"
    yield Grant(role, ("read",), why)
    yield Grant(f"{role}/role-id", ("read",), why)
    yield Grant(f"{role}/secret-id", ("list",), why)
    yield Grant(f"{role}/secret-id/lookup", ("update",), why)
    yield Grant(f"{role}/custom-secret-id", ("update",), why)
    yield Grant(f"{role}/secret-id-accessor/lookup", ("update",), why)
    yield Grant(f"{role}/secret-id-accessor/destroy", ("update",), why)


def _pki(name: str, secret: PkiSecret) -> Iterator[Grant]:
    why = f"{name}: certificates of {secret.mount}"
    yield Grant(f"{secret.mount}/roles/{secret.role}", ("read",), why)
    yield Grant(f"{secret.mount}/sign/{secret.role}", ("update",), why)
    yield Grant(f"{secret.mount}/certs/detailed", ("list",), why)
    yield Grant(f"{secret.mount}/revoke", ("update",), why)


def _transit(name: str, secret: TransitSecret) -> Iterator[Grant]:
    key, why = f"{secret.mount}/keys/{secret.key}", f"{name}: the key {secret.key}"
    yield Grant(key, ("read",), why)
    yield Grant(f"{key}/rotate", ("update",), why)
    yield Grant(f"{key}/config", ("update",), why)
    if secret.trim:
        yield Grant(f"{key}/trim", ("update",), why)
    yield Grant(f"{secret.mount}/encrypt/{secret.key}", ("update",), why)
    yield Grant(f"{secret.mount}/decrypt/{secret.key}", ("update",), why)
    for place in secret.rewrap.fields:
        yield Grant(f"{secret.mount}/rewrap/{secret.key}", ("update",), why)
        yield Grant(
            _kv(place.rpartition("#")[0]), ("read", "update"), f"{name}: ciphertexts that are rewrapped"
        )


def _sources(name: str, *sources: PlaceSource | None) -> Iterator[Grant]:
    for source in sources:
        if source is not None and source.vault is not None:
            yield Grant(
                _kv(source.vault.rpartition("#")[0]), ("read",), f"{name}: what rotation itself logs in by"
            )


def _kv(place: str, part: str = "data") -> str:
    mount, _, path = place.partition("/")
    return f"{mount}/{part}/{path}"
