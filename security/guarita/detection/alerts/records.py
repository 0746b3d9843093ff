"""What alerts leave in the ledger: OCSF 6003 API Activity of the service `guarita-alerts` (docs/alerts.md).

Never the text of a message: identifiers, channels, times, counts and codes.
"""

from __future__ import annotations

import secrets
from typing import Any, Final, Literal

import msgspec

from guarita.audit.events import api_activity
from guarita.audit.events.classes import ApiActivity
from guarita.audit.events.common import Level
from guarita.detection.alerts.model import Incident

SERVICE: Final = "guarita-alerts"
Operation = Literal[
    "alert.sent",
    "alert.failed",
    "alert.abandoned",
    "alert.acknowledged",
    "alert.escalated",
    "alert.resolved",
    "alert.silenced",
    "alert.unsilenced",
]
ACTIVITY: Final[dict[Operation, Literal["create", "update", "delete"]]] = {
    "alert.sent": "create",
    "alert.failed": "create",
    "alert.abandoned": "delete",
    "alert.acknowledged": "update",
    "alert.escalated": "update",
    "alert.resolved": "update",
    "alert.silenced": "create",
    "alert.unsilenced": "delete",
}
FAILURES: Final[frozenset[Operation]] = frozenset({"alert.failed", "alert.abandoned"})


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event for the ledger, kept until it stands there."""

    id: str
    operation: Operation
    time: int
    resource: str
    actor: str = SERVICE
    level: Level = "info"
    reason: str | None = None
    details: dict[str, Any] = {}

    def event(self) -> ApiActivity:
        """As the ledger takes it. Its key makes that a second writing leaves it there once."""
        return api_activity(
            time=self.time,
            operation=self.operation,
            actor=self.actor,
            allowed=self.operation not in FAILURES,
            activity=ACTIVITY[self.operation],
            service=SERVICE,
            resource=self.resource,
            reason=self.reason,
            severity=self.level,
            details={"alert": self.details},
            uid=f"alerts:{self.id}",
        )


def of(operation: Operation, incident: Incident, *, time: int, **more: Any) -> Entry:
    """An event about an incident; `more` is as for `entry`."""
    return entry(
        operation,
        time=time,
        resource=incident.id,
        rule=incident.rule,
        level_name=incident.level,
        route=incident.route,
        **more,
    )


def entry(
    operation: Operation,
    *,
    time: int,
    resource: str,
    actor: str = SERVICE,
    level: Level = "info",
    reason: str | None = None,
    **details: Any,
) -> Entry:
    """An event about an incident or a silence; details that are None are left out."""
    return Entry(
        id=secrets.token_hex(12),
        operation=operation,
        time=time,
        resource=resource,
        actor=actor,
        level=level,
        reason=reason,
        details={name: value for name, value in details.items() if value is not None},
    )
