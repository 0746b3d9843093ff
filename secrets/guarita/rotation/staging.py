"""New values before they are valid: decided once, durable in Vault, and destroyed for good at the end.

Beside the new credential stands what was published before it, so that rolling back hangs on no old version of a KV
engine that keeps few.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from guarita.rotation.errors import DriftError
from guarita.rotation.interface import Credential, Randomness
from guarita.rotation.vault import CasMissError, Kv

_KEY_BYTES: Final = 32
_DIGITS: Final = 16


class Staged(msgspec.Struct, frozen=True, kw_only=True):
    """What a rotation was planned with. Its `repr` shows nothing of it."""

    new: dict[str, Any]
    old: dict[str, Any] | None
    before: dict[str, Any] | None
    """The fields that were published, if any were."""
    version: int
    """Of the secret in Vault that held them; 0 for none."""

    def __repr__(self) -> str:
        return "Staged(…)"

    @property
    def credential(self) -> Credential:
        """The new credential."""
        return Credential(**self.new)

    @property
    def replaced(self) -> Credential | None:
        """The old one, if there is one."""
        return None if self.old is None else Credential(**self.old)

    @property
    def after(self) -> dict[str, Any]:
        """The fields that are published with the new one."""
        return {**(self.before or {}), **self.credential.values}


class Staging:
    """Staged values of one secret, each at a path of its rotation."""

    def __init__(self, kv: Kv, state: str, secret: str) -> None:
        self._kv = kv
        self._place = f"{state}/staged/{secret}"

    def put(self, staged: Staged) -> Staged:
        """Stage it, or give what this rotation had staged before: the first stands."""
        place = self._of(staged.new["rotation"])
        data = msgspec.to_builtins(staged)
        try:
            self._kv.put(place, data, cas=0)
        except CasMissError:
            there = self.get(staged.new["rotation"])
            if there is None:
                raise
            return there
        return staged

    def complete(self, staged: Staged, credential: Credential) -> Staged:
        """Keep what creating it added. What another has added before stands."""
        done = msgspec.structs.replace(staged, new=_plain(credential))
        if done.new == staged.new:
            return staged
        try:
            self._kv.put(self._of(credential.rotation), msgspec.to_builtins(done), cas=1)
        except CasMissError:
            return self.must(credential.rotation)
        return done

    def get(self, rotation: str) -> Staged | None:
        """What is staged for a rotation, if anything is."""
        there = self._kv.get(self._of(rotation))
        return None if there is None or there.data is None else msgspec.convert(there.data, Staged)

    def must(self, rotation: str) -> Staged:
        """As `get`. Raises DriftError where nothing is."""
        there = self.get(rotation)
        if there is None:
            raise DriftError(
                "rotation.staging-gone",
                f"what was staged for {rotation} is gone from {self._of(rotation)}",
                hint="somebody deleted it; restore it from a backup of Vault, or roll back by hand",
            )
        return there

    def forget(self, rotation: str) -> None:
        """Destroy it, with its metadata."""
        self._kv.forget(self._of(rotation))

    def left(self) -> list[str]:
        """The rotations that something is staged for."""
        return self._kv.names(self._place)

    def _of(self, rotation: str) -> str:
        return f"{self._place}/{rotation}"


def stage(new: Credential, old: Credential | None, before: Mapping[str, Any] | None, version: int) -> Staged:
    """What is to be staged for a credential that was just planned."""
    return Staged(
        new=_plain(new),
        old=None if old is None else _plain(old),
        before=None if before is None else dict(before),
        version=version,
    )


def _plain(credential: Credential) -> dict[str, Any]:
    return {
        "rotation": credential.rotation,
        "handle": dict(credential.handle),
        "values": dict(credential.values),
        "material": dict(credential.material),
        "version": credential.version,
        "created": credential.created,
    }


class Fingerprints:
    """Keyed fingerprints of values: the same value has the same one, and nobody without the key can try values."""

    def __init__(self, kv: Kv, state: str, randomness: Randomness) -> None:
        self._kv = kv
        self._place = f"{state}/fingerprints"
        self._randomness = randomness
        self._key: bytes | None = None

    def of(self, credential: Credential) -> str:
        """HMAC-SHA-256 of all values (of the handle, where none are published), the first 16 hexadecimal digits."""
        told = msgspec.json.encode(sorted((credential.values or credential.handle).items()))
        return hmac.new(self._known(), told, hashlib.sha256).hexdigest()[:_DIGITS]

    def _known(self) -> bytes:
        if self._key is None:
            there = self._kv.get(self._place)
            if there is None:
                made = {"key": self._randomness(_KEY_BYTES).hex()}
                try:
                    there = self._kv.put(self._place, made, cas=0)
                except CasMissError:
                    there = self._kv.get(self._place)
            if there is None or there.data is None:
                raise DriftError(
                    "rotation.fingerprint-key-gone",
                    f"the key of fingerprints at {self._place} was deleted",
                    hint="undelete it, or delete its metadata too: then another is made",
                )
            self._key = bytes.fromhex(there.data["key"])
        return self._key
