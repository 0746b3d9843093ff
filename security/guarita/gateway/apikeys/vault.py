"""API keys in Vault's (or OpenBao's) KV engine, version 2: each a secret of its own, each write with `cas`.

Address, token and CA come from VAULT_ADDR, VAULT_TOKEN and VAULT_CACERT.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Final

import hvac
import requests
from hvac.exceptions import InvalidPath, InvalidRequest, VaultError

from guarita.gateway.apikeys.interface import KeyRecord, KeyStore, StoreError, exists, must_be_active
from guarita.gateway.apikeys.records import from_mapping, to_mapping

_ATTEMPTS: Final = 8
"""At a write that others were quicker at."""


class VaultKeyStore(KeyStore):
    """Keys at `MOUNT/PATH/keys/ID`, their last uses at `MOUNT/PATH/used/ID`."""

    def __init__(self, mount: str, path: str, *, timeout: float, client: hvac.Client | None = None) -> None:
        """`timeout` is in seconds, for each call to Vault."""
        self._mount = mount
        self._path = path
        self._place = f"vault:{mount}/{path}"
        self._client = client or hvac.Client(timeout=timeout)

    def add(self, record: KeyRecord) -> None:
        if not self._write(f"keys/{record.key_id}", to_mapping(record), 0):
            raise exists(record.key_id)

    def get(self, key_id: str) -> KeyRecord | None:
        kept, _ = self._read(f"keys/{key_id}")
        if kept is None:
            return None
        used, _ = self._read(f"used/{key_id}")
        return from_mapping({**kept, "last_used": (used or {}).get("last_used")}, self._place)

    def every(self) -> list[KeyRecord]:
        answer = self._asked(self._kv.list_secrets, "keys")
        ids = [] if answer is None else answer["data"]["keys"]
        records = [record for key_id in ids if (record := self.get(key_id)) is not None]
        return sorted(records, key=lambda record: (record.created, record.key_id))

    def revoke(self, key_id: str, at: float) -> KeyRecord | None:
        def revoked(record: KeyRecord) -> KeyRecord:
            return record if record.revoked is not None else dataclasses.replace(record, revoked=at)

        return self._change(key_id, revoked)

    def replace(self, key_id: str, new: KeyRecord, *, old_expires: float, now: float) -> None:
        must_be_active(self.get(key_id), key_id, now)
        # Nobody has seen the new key yet: one that is left behind by an interruption opens nothing.
        self.add(new)

        def replaced(record: KeyRecord) -> KeyRecord:
            must_be_active(record, key_id, now)
            return dataclasses.replace(
                record, replaced_by=new.key_id, expires=min(record.expires, old_expires)
            )

        try:
            if self._change(key_id, replaced) is None:
                must_be_active(None, key_id, now)
        except BaseException:
            self.revoke(new.key_id, now)
            raise

    def used(self, uses: Mapping[str, int]) -> None:
        for key_id, at in uses.items():
            for _ in range(_ATTEMPTS):
                kept, version = self._read(f"used/{key_id}")
                if (kept or {}).get("last_used", 0) >= at:
                    break
                if self._write(f"used/{key_id}", {"last_used": at}, version):
                    break

    def close(self) -> None:
        self._client.adapter.close()

    def _change(self, key_id: str, change: Callable[[KeyRecord], KeyRecord]) -> KeyRecord | None:
        for _ in range(_ATTEMPTS):
            kept, version = self._read(f"keys/{key_id}")
            if kept is None:
                return None
            record = from_mapping(kept, self._place)
            changed = change(record)
            if changed == record or self._write(f"keys/{key_id}", to_mapping(changed), version):
                return changed
        raise StoreError(self._place, "others keep changing the same key")

    @property
    def _kv(self) -> Any:
        return self._client.secrets.kv.v2

    def _read(self, name: str) -> tuple[dict[str, Any] | None, int]:
        """What stands there and its version; (None, 0) where nothing does."""
        answer = self._asked(self._kv.read_secret_version, name, raise_on_deleted_version=True)
        if answer is None:
            return None, 0
        return answer["data"]["data"], answer["data"]["metadata"]["version"]

    def _write(self, name: str, data: dict[str, Any], version: int) -> bool:
        """Whether it was written: not, where it is no longer at this version."""
        try:
            self._asked(self._kv.create_or_update_secret, name, secret=data, cas=version)
        except InvalidRequest as error:  # hvac's word for a check-and-set that failed, and for other faults
            if "check-and-set" in str(error):
                return False
            raise StoreError(self._place, type(error).__name__) from None
        return True

    def _asked(self, call: Callable[..., Any], name: str, **arguments: Any) -> Any:
        try:
            return call(path=f"{self._path}/{name}", mount_point=self._mount, **arguments)
        except InvalidPath:
            return None
        except InvalidRequest as error:
            if "cas" in arguments:
                raise
            raise StoreError(self._place, type(error).__name__) from None
        except (VaultError, requests.RequestException) as error:
            raise StoreError(self._place, type(error).__name__) from None  # their texts may quote the request


def read_field(place: str, *, timeout: float, client: hvac.Client | None = None) -> Any:
    """The field at MOUNT/PATH#FIELD, or None. Raises StoreError."""
    where, _, name = place.rpartition("#")
    mount, _, path = where.partition("/")
    client = client or hvac.Client(timeout=timeout)
    try:
        answer = client.secrets.kv.v2.read_secret_version(
            path=path, mount_point=mount, raise_on_deleted_version=True
        )
    except InvalidPath:
        return None
    except (VaultError, requests.RequestException) as error:
        raise StoreError(f"vault:{where}", type(error).__name__) from None
    return answer["data"]["data"].get(name)
