"""How the ledger itself is: what was verified, how far it is signed, who is behind."""

from __future__ import annotations

from collections.abc import Sequence

from guarita.audit import Ledger, LedgerCorruptError
from guarita.audit.sinks.cursor import Cursor, cursors
from guarita.config.sinks import SinkSection
from guarita.report.interface import Damage, LedgerHealth, SinkState
from guarita.report.reading import Reading


def health(ledger: Ledger, reading: Reading, sinks: Sequence[SinkSection]) -> LedgerHealth:
    """The health of a ledger that was read to its end. Raises LedgerCorruptError, LedgerUnavailableError."""
    gaps, gap_count = reading.writers.gaps()
    return LedgerHealth(
        origin=ledger.origin,
        size=reading.size,
        archived=reading.started_at,
        verified=reading.size,
        signed=reading.signed,
        signed_until=reading.signed_until,
        unsigned_since=reading.unsigned_since,
        pinned=ledger.signing.pinned is not None,
        checkpoints=len(ledger.store.checkpoints()),
        sinks=_sinks(cursors(ledger.store), [sink.name for sink in sinks], reading.size),
        writers=reading.writers.writers(reading.window),
        gaps=gaps,
        gap_count=gap_count,
    )


def damaged(error: LedgerCorruptError, origin: str | None) -> LedgerHealth:
    """The health of a ledger that does not hold: nothing else of it is repeated."""
    return LedgerHealth(
        origin=origin,
        size=None,
        damage=Damage(code=error.code, message=error.message, index=error.index, hint=error.hint),
    )


def _sinks(found: dict[str, Cursor], configured: Sequence[str], size: int) -> list[SinkState]:
    states = []
    for name in dict.fromkeys((*configured, *found)):
        cursor = found.get(name) or Cursor()
        states.append(
            SinkState(
                name=name,
                behind=max(0, size - cursor.next),
                failing_since=cursor.failure.since if cursor.failure else None,
                code=cursor.failure.code if cursor.failure else None,
                configured=name in configured,
            )
        )
    return sorted(states, key=lambda one: (-one.behind, one.name))
