"""The seam of the key stores: what is kept of a key, and what every store does with it."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field

from guarita.errors import ExitStatus, GuaritaError
from guarita.gateway.refusal import UndecidedError


class StoreError(UndecidedError):
    """The store does not answer, or holds what is no key: `apikey.store-unavailable`."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(
            "apikey.store-unavailable", f"the store of API keys, {place}, is out of reach: {why}"
        )


class ConflictError(GuaritaError):
    """A key cannot be changed so: the code says why, `apikey.exists` or `apikey.not-active`."""

    exit_status = ExitStatus.REFUSED


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is kept of a key. Times are in seconds since the epoch."""

    key_id: str
    name: str
    """What it is for, in a person's words; a rotated key hands it on."""
    subject: str
    """Whom its holder acts as."""
    environment: str
    digest: bytes = field(repr=False)
    """HMAC-SHA256 of the whole key under the pepper."""
    pepper: str
    """Which pepper, by `hashing.Pepper.name`."""
    created: float
    expires: float
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    revoked: float | None = None
    replaced_by: str | None = None
    """The key that took over by rotation."""
    last_used: int | None = None
    """Seconds since the epoch, to the hour."""

    def state(self, now: float) -> str:
        """`active`, `revoked` or `expired`."""
        if self.revoked is not None:
            return "revoked"
        return "active" if now < self.expires else "expired"


class KeyStore(abc.ABC):
    """Keeps key records, for any number of processes and threads at once.

    Every method raises StoreError when the store is out of reach, within the timeout that it was made with.
    """

    @abc.abstractmethod
    def add(self, record: KeyRecord) -> None:
        """Keep a new key. Raises ConflictError `apikey.exists` where there is one of this id."""

    @abc.abstractmethod
    def get(self, key_id: str) -> KeyRecord | None:
        """The key of this id."""

    @abc.abstractmethod
    def every(self) -> list[KeyRecord]:
        """All keys, the oldest first."""

    @abc.abstractmethod
    def revoke(self, key_id: str, at: float) -> KeyRecord | None:
        """Revoke a key; the first time of revocation stands. None where there is no such key."""

    @abc.abstractmethod
    def replace(self, key_id: str, new: KeyRecord, *, old_expires: float, now: float) -> None:
        """Keep `new` as the successor of a key, which expires at `old_expires` at the latest.

        All or nothing, and of several at once only one: raises ConflictError `apikey.not-active` where the
        old key is not there, revoked, expired or replaced already.
        """

    @abc.abstractmethod
    def used(self, uses: Mapping[str, int]) -> None:
        """Note when keys were last used (seconds since the epoch, by id). Never sets one back."""

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of files and connections."""


def must_be_active(record: KeyRecord | None, key_id: str, now: float) -> KeyRecord:
    """The record, when it may be replaced. Raises ConflictError `apikey.not-active`."""
    if record is None:
        raise ConflictError("apikey.not-active", f"there is no key {key_id}")
    if record.replaced_by is not None:
        raise ConflictError("apikey.not-active", f"the key {key_id} was replaced by {record.replaced_by}")
    if record.state(now) != "active":
        raise ConflictError("apikey.not-active", f"the key {key_id} is {record.state(now)}")
    return record


def exists(key_id: str) -> ConflictError:
    """The error for an id that is taken."""
    return ConflictError("apikey.exists", f"there is a key {key_id} already")
