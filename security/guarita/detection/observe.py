"""What stands beside the log and in no entry: the newest checkpoint's reach, and how far sinks have come.

Observations are events for rules alone (OCSF 6002, `activity_name: Observation`); they are never written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from guarita.audit import Ledger
from guarita.audit.sinks.cursor import cursors


def observations(ledger: Ledger, now: int) -> Iterator[dict[str, Any]]:
    """How many entries lie beyond the newest checkpoint, and before each sink, and for how many seconds. `now` in ms."""
    newest = ledger.store.latest_checkpoint()
    yield _observed(ledger, now, "checkpoint", ledger.origin, newest.size if newest else 0)
    for name, cursor in cursors(ledger.store).items():
        yield _observed(ledger, now, "sink", name, cursor.next)


def _observed(ledger: Ledger, now: int, what: str, name: str, reached: int) -> dict[str, Any]:
    size = ledger.size
    first = max(reached, ledger.archived)
    since = now
    for leaf in ledger.entries(first, first + 1) if first < size else ():
        since = msgspec.json.decode(leaf.body, type=_Timed).time
    return {
        "class_uid": 6002,
        "time": now,
        "app": {"name": name},
        "activity_name": "Observation",
        "unmapped": {
            "guarita": {
                "observed": {"what": what, "entries": size - reached, "seconds": max(0, now - since) // 1000}
            }
        },
    }


class _Timed(msgspec.Struct):
    time: int = 0
