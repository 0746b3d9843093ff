"""Builders about the log's writers: heartbeats, and gaps (OCSF 6002 Application Lifecycle)."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import UNSET

from guarita.audit.events.classes import ApplicationLifecycle
from guarita.audit.events.common import FAILURE, SUCCESS, head
from guarita.audit.events.objects import Product

Beat = Literal["start", "beat", "stop"]
"""The first of a writer's life, one in between, and the last of an orderly end."""

# 6002 has no activity for being there; OCSF's way is Other with a name of its own.
_ACTIVITY: Final[dict[Beat, int]] = {"start": 3, "beat": 99, "stop": 4}


def heartbeat(
    *, time: int, writer: str, boot: str, counter: int, period: int, beat: Beat = "beat"
) -> ApplicationLifecycle:
    """6002: a heartbeat. `time` in ms since the epoch, `period` in ms until the next one is due.

    `boot` is new with every start of the writer; `counter` goes 0, 1, 2, … within it, with none left out.
    """
    return ApplicationLifecycle(
        **head(6002, _ACTIVITY[beat], time=time, severity=1, uid=f"heartbeat:{boot}:{counter}"),
        activity_name="Heartbeat" if beat == "beat" else UNSET,
        status_id=SUCCESS,
        app=Product(name=writer),
        unmapped={
            "guarita": {
                "heartbeat": {
                    "writer": writer,
                    "boot": boot,
                    "counter": counter,
                    "period": period,
                    "beat": beat,
                }
            }
        },
    )


def gap(
    *, time: int, origin: str, since: int, until: int, count: int, held: int, reason: str, uid: str
) -> ApplicationLifecycle:
    """6002: for a while the log could not be written. `time`, `since`, `until` are in ms since the epoch.

    `count` events met it; `held` of them were kept in memory and follow this one, the others were refused to
    whoever brought them. `reason` is the code of the first error.
    """
    return ApplicationLifecycle(
        **head(6002, 99, time=time, severity=4, uid=uid),
        activity_name="Gap",
        status_id=FAILURE,
        app=Product(name=origin),
        unmapped={
            "guarita": {
                "gap": {
                    "since": since,
                    "until": until,
                    "count": count,
                    "held": held,
                    "refused": count - held,
                    "reason": reason,
                }
            }
        },
    )
