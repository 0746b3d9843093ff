"""What the builders share: OCSF's numbers for our words, and the head of an event."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final, Literal

from msgspec import UNSET, UnsetType

from guarita.audit.events.objects import Metadata, Product

Level = Literal["info", "low", "medium", "high", "critical"]
"""The one scale of Guarita, from least to worst."""

SEVERITY: Final[dict[str, int]] = {"info": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}
"""OCSF `severity_id` by our level."""

SUCCESS, FAILURE = 1, 2
"""OCSF `status_id` of activities."""

_PRODUCT = Product(version=version("guarita"))


def severity_id(level: str) -> int:
    """OCSF's number for one of our levels; 0 (Unknown) for any other word."""
    return SEVERITY.get(level, 0)


def head(
    class_uid: int,
    activity_id: int,
    *,
    time: int,
    severity: int,
    uid: str | UnsetType = UNSET,
    correlation_uid: str | UnsetType = UNSET,
    profiles: tuple[str, ...] = (),
) -> dict[str, Any]:
    """The attributes that every event has. `time` is in ms since the epoch; `uid` makes retries harmless."""
    return {
        "class_uid": class_uid,
        # The category is the thousand of the class, by the schema's own numbering.
        "category_uid": class_uid // 1000,
        "activity_id": activity_id,
        "type_uid": class_uid * 100 + activity_id,
        "severity_id": severity,
        "time": time,
        "metadata": Metadata(
            product=_PRODUCT,
            uid=uid,
            correlation_uid=correlation_uid,
            profiles=list(profiles) if profiles else UNSET,
        ),
    }
