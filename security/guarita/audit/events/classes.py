"""The OCSF 1.8 event classes that Guarita writes, as frozen structs.

User and role changes are 3001 Account Change and 3005 User Access Management: release 1.8.0 has no other
classes for them (3007 User Management and 3008 Role Management came into the schema after it).
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import UNSET, UnsetType

from guarita.audit.events.objects import (
    Actor,
    Api,
    Compliance,
    DataSecurity,
    DetectionInfo,
    Endpoint,
    Entity,
    FindingInfo,
    Metadata,
    Ocsf,
    Policy,
    Product,
    Resource,
    Scan,
    Service,
    Session,
    Unmapped,
    User,
    Vulnerability,
)


class Event(Ocsf, frozen=True, kw_only=True):
    """What every event has. `type_uid` is `class_uid * 100 + activity_id`; `time` is in ms since the epoch."""

    UID: ClassVar[int] = 0

    class_uid: int
    category_uid: int
    activity_id: int
    type_uid: int
    severity_id: int
    time: int
    metadata: Metadata
    message: str | UnsetType = UNSET
    status_id: int | UnsetType = UNSET
    unmapped: Unmapped | UnsetType = UNSET


class ComplianceFinding(Event, frozen=True, kw_only=True):
    """2003: the gate's verdict."""

    UID: ClassVar[int] = 2003
    compliance: Compliance
    finding_info: FindingInfo
    policy: Policy
    resources: list[Resource]


class ScanActivity(Event, frozen=True, kw_only=True):
    """6007: a scan that ran."""

    UID: ClassVar[int] = 6007
    scan: Scan
    start_time: int
    end_time: int
    duration: int
    num_files: int
    num_skipped_items: int
    num_detections: int
    total: int


class Authentication(Event, frozen=True, kw_only=True):
    """3002: somebody showed who they are, or failed to."""

    UID: ClassVar[int] = 3002
    user: User
    service: Service
    src_endpoint: Endpoint | UnsetType = UNSET
    session: Session | UnsetType = UNSET
    auth_protocol_id: int | UnsetType = UNSET
    status_code: str | UnsetType = UNSET


class AuthorizeSession(Event, frozen=True, kw_only=True):
    """3003: what a session may do."""

    UID: ClassVar[int] = 3003
    user: User
    privileges: list[str]
    session: Session | UnsetType = UNSET
    status_code: str | UnsetType = UNSET


class ApiActivity(Event, frozen=True, kw_only=True):
    """6003: a call to an API, and whether it was allowed."""

    UID: ClassVar[int] = 6003
    actor: Actor
    api: Api
    src_endpoint: Endpoint
    resources: list[Resource] | UnsetType = UNSET
    status_code: str | UnsetType = UNSET


class VulnerabilityFinding(Event, frozen=True, kw_only=True):
    """2002: a known vulnerability in something we run."""

    UID: ClassVar[int] = 2002
    finding_info: FindingInfo
    vulnerabilities: list[Vulnerability]
    resources: list[Resource]


class DataSecurityFinding(Event, frozen=True, kw_only=True):
    """2006: personal data in a document; types and counts, never the data."""

    UID: ClassVar[int] = 2006
    finding_info: FindingInfo
    data_security: DataSecurity
    resources: list[Resource]


class EntityManagement(Event, frozen=True, kw_only=True):
    """3004: a managed entity changed: a secret was rotated, a key made or destroyed."""

    UID: ClassVar[int] = 3004
    entity: Entity
    actor: Actor | UnsetType = UNSET
    status_code: str | UnsetType = UNSET


class AccountChange(Event, frozen=True, kw_only=True):
    """3001: a user was created, enabled, disabled, locked or deleted."""

    UID: ClassVar[int] = 3001
    user: User
    actor: Actor | UnsetType = UNSET


class UserAccess(Event, frozen=True, kw_only=True):
    """3005: roles or privileges were given to a user or taken away."""

    UID: ClassVar[int] = 3005
    user: User
    privileges: list[str]
    actor: Actor | UnsetType = UNSET


class ApplicationLifecycle(Event, frozen=True, kw_only=True):
    """6002: a writer of the log started, stopped, or is still there (activity Other, named Heartbeat)."""

    UID: ClassVar[int] = 6002
    app: Product
    activity_name: str | UnsetType = UNSET


class DetectionFinding(Event, frozen=True, kw_only=True):
    """2004: a detection rule matched."""

    UID: ClassVar[int] = 2004
    finding_info: DetectionInfo
    resources: list[Resource] | UnsetType = UNSET


CLASSES: dict[int, type[Event]] = {
    kind.UID: kind
    for kind in (
        ComplianceFinding,
        ScanActivity,
        Authentication,
        AuthorizeSession,
        ApiActivity,
        VulnerabilityFinding,
        DataSecurityFinding,
        EntityManagement,
        AccountChange,
        UserAccess,
        DetectionFinding,
        ApplicationLifecycle,
    )
}
"""Every class that the ledger knows, by its `class_uid`."""

NAMES: dict[int, str] = {
    2002: "vulnerability", 2003: "compliance", 2004: "detection", 2006: "data-security", 3001: "user-change",
    3002: "authentication", 3003: "authorize", 3004: "entity", 3005: "role-change", 6002: "lifecycle", 6003: "api",
    6007: "scan",
}  # fmt: skip
"""Our short name of each class, in commands and in rules."""
