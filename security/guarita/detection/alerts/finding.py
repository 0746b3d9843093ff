"""From an entry of the ledger to a finding: OCSF 2004, whoever wrote it.

`unmapped.guarita` says what OCSF has no attribute for: `group` (a mapping), `tags`, `evidence` (indices of entries). Where
there is no group, findings about one resource belong together.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from guarita.audit.events.classes import DetectionFinding
from guarita.audit.events.common import SEVERITY
from guarita.audit.sealing.token import PREFIX
from guarita.audit.stores.interface import Leaf
from guarita.detection.alerts.model import EVIDENCE, Finding, digest

TEXT: Final = 256
"""Characters of a value that an alert keeps."""
FIELDS: Final = 16
"""Fields of a group, and tags, that an alert keeps."""
_CLOSED: Final = 3
_LEVELS: Final = {number: level for level, number in SEVERITY.items()}
_FATAL: Final = 6


class _Class(msgspec.Struct):
    class_uid: int = 0


class _Named(msgspec.Struct):
    uid: str | None = None
    name: str | None = None


class _Info(msgspec.Struct):
    uid: str = ""
    title: str = ""
    analytic: _Named | None = None
    first_seen_time: int | None = None
    last_seen_time: int | None = None
    related_events_count: int | None = None


class _Seen(msgspec.Struct):
    time: int = 0
    activity_id: int = 0
    severity_id: int = 0
    finding_info: _Info = msgspec.field(default_factory=_Info)
    resources: list[_Named] = []
    unmapped: dict[str, Any] = {}


_class = msgspec.json.Decoder(_Class)
_event = msgspec.json.Decoder(_Seen)


def finding(leaf: Leaf) -> Finding | None:
    """The finding in an entry; None for an entry of another kind, or of a finding that was closed.

    An entry of class 2004 that is not shaped as we write them is a finding all the same: it must not be lost.
    """
    try:
        if _class.decode(leaf.body).class_uid != DetectionFinding.UID:
            return None
    except msgspec.DecodeError:
        return None
    try:
        seen = _event.decode(leaf.body)
    except msgspec.DecodeError:
        seen = _Seen(severity_id=_FATAL, finding_info=_Info(title="A finding of an unknown form"))
    if seen.activity_id == _CLOSED:
        return None
    ours = seen.unmapped.get("guarita")
    more = ours if isinstance(ours, dict) else {}
    info = seen.finding_info
    analytic = info.analytic or _Named()
    return Finding(
        uid=_text(info.uid or f"entry:{leaf.index}"),
        rule=_text(analytic.uid or analytic.name or "unknown"),
        # What nobody has rated may be the worst.
        level=_LEVELS.get(seen.severity_id, "critical"),
        title=_text(info.title or "Detection"),
        time=seen.time,
        group=_group(more.get("group"), seen.resources),
        tags=[_text(tag) for tag in _listed(more.get("tags"), str)[:FIELDS]],
        first=_whole(more.get("first"), info.first_seen_time, seen.time),
        last=_whole(more.get("last"), info.last_seen_time, seen.time),
        count=max(1, _whole(more.get("count"), info.related_events_count, 1)),
        evidence=_listed(more.get("evidence"), int)[-EVIDENCE:] or [leaf.index],
    )


def _group(value: object, resources: list[_Named]) -> dict[str, str]:
    if not isinstance(value, dict):
        name = next((one.uid or one.name for one in resources), None)
        return {"resource": _text(name)} if name else {}
    named = sorted((str(name), one) for name, one in value.items())[:FIELDS]
    return {_text(name): _text(one if isinstance(one, str) else _plain(one)) for name, one in named}


def _plain(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _text(value: str) -> str:
    if value.startswith(PREFIX):
        # It stays sealed. The name of its key tells one person's values from another's.
        return f"(sealed {value.removeprefix(PREFIX)[:8]})"
    return value if len(value) <= TEXT else f"{value[:TEXT]}… {digest(value)}"


def _listed(value: object, kind: type) -> list[Any]:
    return [one for one in value if type(one) is kind] if isinstance(value, list) else []


def _whole(*values: object) -> int:
    """The first that is a whole number."""
    return next(value for value in values if type(value) is int)
