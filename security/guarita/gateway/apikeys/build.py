"""From guarita.yaml to a store, the peppers and the authenticator."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from guarita.config.gateway_keys import ApiKeysSection
from guarita.config.secret_place import SecretPlace
from guarita.errors import MissingExtraError, UsageError
from guarita.gateway.apikeys.authenticator import ApiKeyAuthenticator
from guarita.gateway.apikeys.hashing import Peppers, parse_peppers
from guarita.gateway.apikeys.interface import KeyStore, StoreError
from guarita.gateway.apikeys.sqlite import SqliteKeyStore


def build_authenticator(section: ApiKeysSection, folder: Path) -> ApiKeyAuthenticator:
    """The authenticator that the section describes; paths are from `folder`. Raises as the others here."""
    return ApiKeyAuthenticator(
        open_store(section, folder),
        read_peppers(section.pepper, folder, timeout=section.timeout_seconds),
        environments=section.environments,
        header=section.header,
        cache_seconds=section.cache_seconds,
        timeout=section.timeout_seconds,
    )


def open_store(section: ApiKeysSection, folder: Path, *, create: bool = False) -> KeyStore:
    """The store, which is asked only when it is used; `create` makes what is missing in it then.

    Raises UsageError `apikey.store` for a place of no kind we know, `extra.missing`.
    """
    place, timeout = section.store, section.timeout_seconds
    if place.startswith("vault:"):
        mount, _, path = place.removeprefix("vault:").partition("/")
        if mount and path.strip("/"):
            return _vault(mount, path.strip("/"), timeout)
    elif "://" not in place:
        return SqliteKeyStore(folder / place, timeout=timeout, create=create)
    elif place.startswith("sqlite:///") and place != "sqlite:///":
        return SqliteKeyStore(folder / place.removeprefix("sqlite:///"), timeout=timeout, create=create)
    elif urlsplit(place).scheme in {"postgresql", "postgres"}:
        return _postgres(place, timeout, create=create)
    raise UsageError(
        "apikey.store",
        "gateway.api_keys.store: no place for keys",
        hint="sqlite:///PATH, postgresql://…, or vault:MOUNT/PATH",
    )


def read_peppers(
    source: SecretPlace, folder: Path, *, timeout: float, environment: Mapping[str, str] = os.environ
) -> Peppers:
    """The peppers. Raises UsageError `apikey.pepper`, StoreError where Vault does not answer."""
    if source.env is not None:
        return parse_peppers(environment.get(source.env, ""), f"${source.env}")
    if source.file is not None:
        path = folder / source.file
        return parse_peppers(_private_text(path), str(path))
    place = source.vault or ""
    return parse_peppers(_from_vault(place, timeout), f"vault:{place}")


def _private_text(path: Path) -> str:
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise UsageError(
                    "apikey.pepper",
                    f"{path}: the pepper has mode {mode:04o}, so others can read it",
                    hint=f"chmod 600 {path}",
                )
            return file.read(4096)
    except OSError as error:
        raise UsageError("apikey.pepper", f"{path}: cannot be read: {error.strerror}") from error


def _vault(mount: str, path: str, timeout: float) -> KeyStore:
    try:
        from guarita.gateway.apikeys.vault import VaultKeyStore  # noqa: PLC0415  # needs an extra
    except ModuleNotFoundError as error:
        raise MissingExtraError("gateway-vault", error.name or "hvac") from error
    return VaultKeyStore(mount, path, timeout=timeout)


def _postgres(url: str, timeout: float, *, create: bool) -> KeyStore:
    try:
        from guarita.gateway.apikeys.postgres import PostgresKeyStore  # noqa: PLC0415  # needs an extra
    except ModuleNotFoundError as error:
        raise MissingExtraError("gateway-postgres", error.name or "psycopg") from error
    return PostgresKeyStore(url, timeout=timeout, create=create)


def _from_vault(place: str, timeout: float) -> str:
    try:
        from guarita.gateway.apikeys.vault import read_field  # noqa: PLC0415  # needs an extra
    except ModuleNotFoundError as error:
        raise MissingExtraError("gateway-vault", error.name or "hvac") from error
    found: Any = read_field(place, timeout=timeout)
    if not isinstance(found, str):
        raise StoreError(f"vault:{place}", "there is no such field")
    return found
