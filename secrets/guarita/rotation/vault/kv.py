"""The KV engine, version 2: every write with `cas`, and a write whose answer was lost is read back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from guarita.rotation.errors import TransientError
from guarita.rotation.vault.client import UnansweredError, Vault, VaultRefusedError

_ATTEMPTS: Final = 3


class CasMissError(TransientError):
    """Somebody else wrote there first. `version` is what stands there now; 0 for nothing."""

    def __init__(self, place: str, version: int) -> None:
        super().__init__("vault.cas-miss", f"{place}: somebody else has written version {version}")
        self.version = version


@dataclass(frozen=True, kw_only=True)
class KvEntry:
    """One version of a secret."""

    version: int
    created: float
    """When Vault wrote it, by its own clock, in seconds since the epoch."""
    data: Mapping[str, Any] | None = field(repr=False)
    """None where this version was deleted or destroyed."""


class Kv:
    """Secrets by place, `MOUNT/PATH`."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def get(self, place: str, version: int | None = None) -> KvEntry | None:
        """The newest version, or the one given; None where there never was one."""
        query = {"version": version} if version else {}
        answer = self._vault.read(_path(place, "data"), **query)
        if answer is None or not answer.get("metadata"):
            return None
        return _entry(answer["metadata"], answer.get("data"))

    def put(self, place: str, data: Mapping[str, Any], *, cas: int) -> KvEntry:
        """Write the version after `cas` (0: the first). Raises CasMissError when another was quicker.

        When the answer is lost, or the write was done before with the same data, what stands there decides.
        """
        data = msgspec.json.decode(msgspec.json.encode(data))  # as it is read back: lists for tuples
        body = {"options": {"cas": cas}, "data": data}
        for attempt in range(_ATTEMPTS):
            try:
                return _entry(self._vault.write(_path(place, "data"), body), data)
            except (UnansweredError, VaultRefusedError) as error:
                there = self.get(place)
                version = 0 if there is None else there.version
                if there is not None and version == cas + 1 and there.data == data:
                    return there
                if version != cas:
                    raise CasMissError(place, version) from None
                # Nothing was written, or it still is on its way: then the next attempt misses, and finds it.
                if isinstance(error, VaultRefusedError) or attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError  # the loop ends by return or raise

    def versions(self, place: str) -> dict[int, bool]:
        """Every version that is kept, and whether it can still be read."""
        answer = self._vault.read(_path(place, "metadata"))
        kept = {} if answer is None else answer.get("versions") or {}
        return {
            int(version): not (told["destroyed"] or told["deletion_time"]) for version, told in kept.items()
        }

    def max_versions(self, place: str) -> int:
        """How many versions are kept at this place, or as the engine's rule for it; 0 for its default of 10."""
        answer = self._vault.read(_path(place, "metadata"))
        return int((answer or {}).get("max_versions") or 0)

    def change(
        self, place: str, how: Literal["delete", "undelete", "destroy"], versions: Iterable[int]
    ) -> None:
        """Hide the values of these versions, show them again, or destroy them for good.

        Those that are so already, or gone, are no error.
        """
        wanted = sorted(versions)
        if wanted:
            self._vault.write(_path(place, how), {"versions": wanted})

    def destroy(self, place: str, versions: Iterable[int]) -> None:
        """Destroy the values of these versions for good."""
        self.change(place, "destroy", versions)

    def forget(self, place: str) -> None:
        """Delete every version and the metadata, for good. Versions begin again at 1 after that."""
        self._vault.delete(_path(place, "metadata"))

    def names(self, place: str) -> list[str]:
        """What stands below a place; folders end with `/`."""
        return self._vault.list(_path(place, "metadata"))


def _path(place: str, part: str) -> str:
    mount, _, path = place.partition("/")
    return f"{mount}/{part}/{path}"


def _entry(metadata: Mapping[str, Any], data: Mapping[str, Any] | None) -> KvEntry:
    created = dt.datetime.fromisoformat(metadata["created_time"])
    return KvEntry(version=int(metadata["version"]), created=created.timestamp(), data=data)
