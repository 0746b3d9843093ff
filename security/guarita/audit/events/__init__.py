"""Audit events: OCSF 1.8 objects, each built in one line."""

from guarita.audit.events.classes import CLASSES, Event
from guarita.audit.events.gate import (
    MAX_LISTED,
    MAX_WAIVED,
    FailingFinding,
    WaivedFinding,
    compliance_finding,
    scan_activity,
)
from guarita.audit.events.lifecycle import Beat, heartbeat
from guarita.audit.events.objects import Attack, Tactic, Technique
from guarita.audit.events.secret import Personal, Secret, Text
from guarita.audit.events.services import (
    api_activity,
    authentication,
    authorize_session,
    data_security_finding,
    detection_finding,
    entity_management,
    role_change,
    user_change,
    vulnerability_finding,
)

__all__ = [
    "CLASSES",
    "MAX_LISTED",
    "MAX_WAIVED",
    "Attack",
    "Beat",
    "Event",
    "FailingFinding",
    "Personal",
    "Secret",
    "Tactic",
    "Technique",
    "Text",
    "WaivedFinding",
    "api_activity",
    "authentication",
    "authorize_session",
    "compliance_finding",
    "data_security_finding",
    "detection_finding",
    "entity_management",
    "heartbeat",
    "role_change",
    "scan_activity",
    "user_change",
    "vulnerability_finding",
]
