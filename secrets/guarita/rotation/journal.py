"""The journal of one secret: where its rotation is, in Vault, each write with `cas`.

The version of an entry is the fencing token of the step that it declares. Entries hold handles and fingerprints, never
values. The metadata of a journal is never deleted, so that versions only grow.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Final

import msgspec

from guarita.rotation.clock import Moment
from guarita.rotation.errors import FencedOutError, PermanentError, TransientError
from guarita.rotation.interface import Credential, Fence
from guarita.rotation.vault import CasMissError, Kv

FORMAT: Final = 1


class Phase(enum.StrEnum):
    """What has been done. The order is that of an ordinary rotation; an emergency disables before it delivers."""

    CLAIMED = "claimed"
    PLANNED = "planned"
    CREATED = "created"
    PROVEN = "proven"
    PUBLISHED = "published"
    DELIVERED = "delivered"
    VERIFIED = "verified"
    DISABLED = "disabled"
    REFUSED = "refused"
    DESTROYED = "destroyed"
    DONE = "done"
    ROLLING_BACK = "rolling-back"
    ROLLED_BACK = "rolled-back"


class Entity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A credential as the journal knows it."""

    rotation: str
    handle: dict[str, str]
    fingerprint: str
    version: int | None = None
    """Of the secret in Vault's KV engine that holds it; None where none does."""
    created: float | None = None
    """By the server's clock, in seconds since the epoch."""


class Reason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a rotation waits, or was rolled back."""

    code: str
    message: str
    hint: str = ""
    until: float | None = None
    """When it is tried again at the earliest, by the server's clock."""


class Work(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rotation that is under way."""

    rotation: str
    phase: Phase
    begun: tuple[str, ...] = ()
    """Steps with an effect whose intent was written: each may have been done."""
    pending: str | None = None
    """The last of them, until it is known to be done."""
    old: Entity | None = None
    new: Entity | None = None
    emergency: bool = False
    since: dict[str, Moment] = msgspec.field(default_factory=dict)
    """When each phase was reached."""
    reason: Reason | None = None
    """Why it is being rolled back."""
    undone: tuple[str, ...] = ()
    """What of rolling back is done."""
    waiting: Reason | None = None
    climbs: int = 0
    """How often the old one was accepted again, since somebody turned out to use it."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the last rotation ended."""

    rotation: str
    phase: Phase
    at: Moment
    reason: Reason | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The whole of a journal."""

    secret: str
    kind: str
    format: int = FORMAT
    runner: str = ""
    """Who is at it; empty when nobody is."""
    until: float = 0.0
    """Until when others leave it to that runner, by the server's clock."""
    current: Entity | None = None
    work: Work | None = None
    last: Outcome | None = None
    untold: tuple[dict[str, Any], ...] = ()
    """Events that the ledger did not take yet."""
    write: str = ""
    """Unlike in any other write, so that one whose answer was lost is known again."""


class Journal:
    """Reads and writes the entry of one secret."""

    def __init__(self, kv: Kv, state: str, secret: str, *, nonce: Callable[[], str]) -> None:
        """`state` is the place of all journals, MOUNT/PATH."""
        self._kv = kv
        self._place = f"{state}/journal/{secret}"
        self._secret = secret
        self._nonce = nonce
        self._version = 0
        self._doubt: str | None = None
        """The mark of a write that was not answered."""

    @property
    def version(self) -> int:
        """Of the entry last read or written: the fencing token."""
        return self._version

    def read(self) -> Entry | None:
        """The entry as it is now; None before the first. Raises PermanentError `rotation.journal-unreadable`."""
        there = self._kv.get(self._place)
        self._version = 0 if there is None else there.version
        if there is None:
            return None
        try:
            return msgspec.convert(there.data, Entry, strict=True)
        except msgspec.ValidationError as error:
            raise PermanentError(
                "rotation.journal-unreadable",
                f"{self._secret}: the journal at {self._place} (version {there.version}) cannot be read: {error}",
                hint="put its last good version back (`bao kv rollback`); never delete its metadata",
            ) from error

    def write(self, entry: Entry) -> Entry:
        """Write the entry that follows the one last read or written. Raises FencedOutError when another was quicker."""
        entry = msgspec.structs.replace(entry, write=self._nonce())
        try:
            self._put(entry)
        except CasMissError:
            # The write before this one may have arrived without our hearing of it.
            there = self._kv.get(self._place)
            if there is None or there.data is None or there.data.get("write") != self._doubt:
                raise FencedOutError(self._secret, f"the journal, version {self._version}") from None
            self._version = there.version
            self._put(entry)
        return entry

    def _put(self, entry: Entry) -> None:
        try:
            self._version = self._kv.put(self._place, msgspec.to_builtins(entry), cas=self._version).version
        except CasMissError:
            raise
        except TransientError:
            self._doubt = entry.write
            raise
        self._doubt = None

    def overtaken(self) -> bool:
        """Whether somebody has written since the entry last read or written."""
        there = self._kv.get(self._place)
        return (0 if there is None else there.version) != self._version

    def fence(self, rotation: str, step: str) -> Fence:
        """The right to take the step that the entry last written declares."""
        token = self._version

        def hold() -> None:
            there = self._kv.get(self._place)
            if there is None or there.version != token:
                raise FencedOutError(self._secret, f"the journal, beyond version {token}")

        return Fence(secret=self._secret, rotation=rotation, step=step, token=token, hold=hold)


def entity(credential: Credential, fingerprint: str, *, version: int | None = None) -> Entity:
    """A credential as the journal may know it."""
    return Entity(
        rotation=credential.rotation,
        handle=dict(credential.handle),
        fingerprint=fingerprint,
        version=version,
        created=credential.created,
    )
