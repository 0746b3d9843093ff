"""What the audit ledger is told: an event (OCSF 3004) for each phase that a secret reaches, with its proofs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from guarita.audit import Ledger, LedgerError, LedgerUnavailableError, events
from guarita.rotation.clock import Moment
from guarita.rotation.errors import TransientError
from guarita.rotation.interface import Proof
from guarita.rotation.journal import Entity, Entry, Phase, Reason

_ACTIVITY: Final[dict[str, Literal["create", "update", "delete", "enable", "disable"]]] = {
    Phase.CREATED: "create",
    Phase.DISABLED: "disable",
    Phase.DESTROYED: "delete",
    "enabled": "enable",
}
NONE: Final = "none"
"""`--ledger none`: the caller declares that this run leaves no record."""
MAX_UNTOLD: Final = 100
"""Events that a journal keeps while the ledger takes none."""


class Recorder:
    """Tells the ledger, or keeps for it in the journal what it does not take now."""

    def __init__(
        self, ledger: Ledger | LedgerError | None, when_unwritable: Literal["stop", "buffer"]
    ) -> None:
        """`ledger` may be why it could not be opened. Without one the caller declined it (`--ledger none`)."""
        self._ledger = ledger
        self._buffers = when_unwritable == "buffer"

    def tell(self, entry: Entry, told: Sequence[dict[str, Any]]) -> Entry:
        """Append these events, after those that the entry still holds; gives the entry with what is left.

        Each event has an idempotency key by rotation and phase: telling it twice writes it once. Raises TransientError
        when the ledger takes nothing and `stop` was declared, or too much is held.
        """
        waiting = (*entry.untold, *told)
        if self._ledger is None or not waiting:
            return msgspec.structs.replace(entry, untold=())
        try:
            if isinstance(self._ledger, LedgerError):
                raise self._ledger
            self._ledger.append_all([events.entity_management(**one) for one in waiting])
        except LedgerError as error:
            holds = self._buffers and isinstance(error, LedgerUnavailableError)
            if not holds or len(waiting) > MAX_UNTOLD:
                raise TransientError(
                    "rotation.unrecorded",
                    f"{entry.secret}: what was done cannot be recorded ({error.code}), so it goes no further",
                    hint=error.hint or error.message,
                    delay=30.0,
                ) from error
            return msgspec.structs.replace(entry, untold=tuple(_late(one) for one in waiting))
        return msgspec.structs.replace(entry, untold=())


def phase_event(
    entry: Entry,
    phase: str,
    *,
    now: Moment,
    token: int,
    place: str | None,
    proofs: Sequence[Proof] = (),
    reason: Reason | None = None,
    success: bool = True,
) -> dict[str, Any]:
    """The event of a phase that the entry's rotation reached, as arguments of `events.entity_management`."""
    work = entry.work
    rotation = work.rotation if work is not None else "none"
    details: dict[str, Any] = {
        "rotation": rotation,
        "phase": phase,
        "token": token,
        "runner": entry.runner,
        "clocks_apart": round(now.apart, 1),
    }
    if work is not None:
        details |= {"emergency": work.emergency} if work.emergency else {}
        details |= {
            name: _named(one) for name, one in (("old", work.old), ("new", work.new)) if one is not None
        }
    if proofs:
        details["proofs"] = [{"kind": proof.kind, **proof.facts} for proof in proofs]
    if reason is not None:
        details["reason"] = {"code": reason.code, "message": reason.message}
    return {
        "time": round(now.server * 1000),
        "entity": place or entry.secret,
        "kind": entry.kind,
        "activity": _ACTIVITY.get(phase, "update"),
        "success": success,
        "version": rotation,
        "reason": reason.code if reason is not None else f"rotation.{phase}",
        "severity": "info" if success else "high",
        "details": {"secret": entry.secret, **details},
        "uid": f"rotation:{entry.secret}:{rotation}:{phase}"
        + (f":{work.climbs}" if work and work.climbs else ""),
    }


def _named(one: Entity) -> dict[str, Any]:
    told: dict[str, Any] = {"rotation": one.rotation, "fingerprint": one.fingerprint, **one.handle}
    if one.version is not None:
        told["version"] = one.version
    return told


def _late(event: dict[str, Any]) -> dict[str, Any]:
    return {**event, "details": {**event["details"], "told_late": True}}
