"""Builders for the other doors: gateway, rotation, ingestion, detection, and the ledger itself.

Every `time` is in ms since the epoch, every `uid` an idempotency key chosen by the caller. A `Text` may be
`Personal`; it is then sealed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from msgspec import UNSET, UnsetType

from guarita.audit.events import classes as c
from guarita.audit.events import objects as o
from guarita.audit.events.common import FAILURE, SUCCESS, Level, head, severity_id
from guarita.audit.events.secret import Personal, Text

_PROTOCOLS: Final = {"oauth": 6, "openid": 4, "basic": 11}
_CRUD: Final = {"create": 1, "read": 2, "update": 3, "delete": 4}
_ACCOUNT: Final = {
    "create": 1, "enable": 2, "password-change": 3, "password-reset": 4, "disable": 5, "delete": 6,
    "lock": 9, "unlock": 12,
}  # fmt: skip
_ENTITY: Final = {"create": 1, "update": 3, "delete": 4, "enable": 8, "disable": 9}
_CREATED = 1
_PERSONAL_DATA = 1
_DATA_DISCOVERY = 4


def _status(allowed: bool) -> int:
    return SUCCESS if allowed else FAILURE


def _text(value: str | None) -> str | UnsetType:
    return UNSET if value is None else value


def _endpoint(source: Text) -> o.Endpoint:
    # A sealed address cannot keep the form that OCSF wants of `ip`.
    return o.Endpoint(uid=source) if isinstance(source, Personal) else o.Endpoint(ip=source)


def authentication(
    *,
    time: int,
    user: Text,
    service: str,
    success: bool,
    ended: bool = False,
    source: Text | None = None,
    protocol: Literal["oauth", "openid", "basic"] | None = None,
    reason: str | None = None,
    session: str | None = None,
    severity: Level = "info",
    uid: str | None = None,
) -> c.Authentication:
    """3002: a logon that succeeded or failed, or with `ended` a logoff. `reason` is a stable code, `session` a fingerprint."""
    return c.Authentication(
        **head(3002, 2 if ended else 1, time=time, severity=severity_id(severity), uid=_text(uid)),
        status_id=_status(success),
        user=o.User(uid=user),
        service=o.Service(name=service),
        src_endpoint=UNSET if source is None else _endpoint(source),
        session=UNSET if session is None else o.Session(uid=session),
        auth_protocol_id=UNSET if protocol is None else _PROTOCOLS[protocol],
        status_code=_text(reason),
    )


def authorize_session(
    *,
    time: int,
    user: Text,
    privileges: Sequence[str],
    allowed: bool,
    reason: str | None = None,
    session: str | None = None,
    severity: Level = "info",
    uid: str | None = None,
) -> c.AuthorizeSession:
    """3003: privileges that a session got or was refused."""
    return c.AuthorizeSession(
        **head(3003, 1, time=time, severity=severity_id(severity), uid=_text(uid)),
        status_id=_status(allowed),
        user=o.User(uid=user),
        privileges=list(privileges),
        session=UNSET if session is None else o.Session(uid=session),
        status_code=_text(reason),
    )


def api_activity(
    *,
    time: int,
    operation: str,
    actor: Text,
    source: Text | None = None,
    allowed: bool = True,
    activity: Literal["create", "read", "update", "delete"] | None = None,
    service: str | None = None,
    resource: Text | None = None,
    code: int | None = None,
    reason: str | None = None,
    severity: Level = "info",
    details: Mapping[str, Any] | None = None,
    uid: str | None = None,
) -> c.ApiActivity:
    """6003: a call to an API. `code` is the HTTP status, `reason` a stable code, `details` our own facts."""
    return c.ApiActivity(
        **head(
            6003,
            _CRUD[activity] if activity else 99,
            time=time,
            severity=severity_id(severity),
            uid=_text(uid),
        ),
        status_id=_status(allowed),
        actor=o.Actor(user=o.User(uid=actor)),
        api=o.Api(
            operation=operation,
            service=UNSET if service is None else o.Service(name=service),
            response=UNSET if code is None else o.Response(code=code),
        ),
        src_endpoint=o.Endpoint(name="unknown") if source is None else _endpoint(source),
        resources=UNSET if resource is None else [o.Resource(uid=resource)],
        status_code=_text(reason),
        unmapped=UNSET if details is None else {"guarita": dict(details)},
    )


def vulnerability_finding(
    *,
    time: int,
    finding_uid: str,
    identifiers: Iterable[str],
    resource: str,
    version: str | None = None,
    severity: Level,
    uid: str | None = None,
) -> c.VulnerabilityFinding:
    """2002: known vulnerabilities, by CVE or advisory identifier, in a package or image."""
    found = [
        o.Vulnerability(cve=o.Cve(uid=name))
        if name.startswith("CVE-")
        else o.Vulnerability(advisory=o.Advisory(uid=name))
        for name in identifiers
    ]
    return c.VulnerabilityFinding(
        **head(2002, _CREATED, time=time, severity=severity_id(severity), uid=_text(uid)),
        finding_info=o.FindingInfo(uid=finding_uid, title="Known vulnerability"),
        vulnerabilities=found,
        resources=[o.Resource(name=resource, version=_text(version))],
    )


def data_security_finding(
    *,
    time: int,
    finding_uid: str,
    document: Text,
    counts: Mapping[str, int],
    decision: str,
    severity: Level,
    details: Mapping[str, Any] | None = None,
    uid: str | None = None,
) -> c.DataSecurityFinding:
    """2006: personal data in a document. `counts` is by type; `document` names it, by reference or digest."""
    return c.DataSecurityFinding(
        **head(2006, _CREATED, time=time, severity=severity_id(severity), uid=_text(uid)),
        finding_info=o.FindingInfo(uid=finding_uid, title="Personal data", types=[decision]),
        data_security=o.DataSecurity(
            category_id=_PERSONAL_DATA,
            detection_system_id=_DATA_DISCOVERY,
            classifier_details=o.Classifier(name="guarita.pii", type="recognizers"),
            discovery_details=[o.Discovery(type=kind, count=count) for kind, count in counts.items()],
        ),
        resources=[o.Resource(uid=document, type="document")],
        unmapped=UNSET if details is None else {"guarita": dict(details)},
    )


def entity_management(
    *,
    time: int,
    entity: str,
    kind: str,
    activity: Literal["create", "update", "delete", "enable", "disable"],
    success: bool,
    version: str | None = None,
    reason: str | None = None,
    severity: Level = "info",
    details: Mapping[str, Any] | None = None,
    uid: str | None = None,
) -> c.EntityManagement:
    """3004: a secret or key was made, rotated, disabled or destroyed. `entity` is its path, never its value."""
    return c.EntityManagement(
        **head(3004, _ENTITY[activity], time=time, severity=severity_id(severity), uid=_text(uid)),
        status_id=_status(success),
        entity=o.Entity(uid=entity, name=entity, type=kind, version=_text(version)),
        status_code=_text(reason),
        unmapped=UNSET if details is None else {"guarita": dict(details)},
    )


def user_change(
    *,
    time: int,
    user: Text,
    activity: Literal[
        "create", "enable", "disable", "delete", "lock", "unlock", "password-change", "password-reset"
    ],
    actor: Text | None = None,
    success: bool = True,
    severity: Level = "info",
    uid: str | None = None,
) -> c.AccountChange:
    """3001: a user changed."""
    return c.AccountChange(
        **head(3001, _ACCOUNT[activity], time=time, severity=severity_id(severity), uid=_text(uid)),
        status_id=_status(success),
        user=o.User(uid=user),
        actor=UNSET if actor is None else o.Actor(user=o.User(uid=actor)),
    )


def role_change(
    *,
    time: int,
    user: Text,
    roles: Sequence[str],
    assigned: bool,
    actor: Text | None = None,
    success: bool = True,
    severity: Level = "info",
    uid: str | None = None,
) -> c.UserAccess:
    """3005: roles were given to a user, or taken away."""
    return c.UserAccess(
        **head(3005, 1 if assigned else 2, time=time, severity=severity_id(severity), uid=_text(uid)),
        status_id=_status(success),
        user=o.User(uid=user),
        privileges=list(roles),
        actor=UNSET if actor is None else o.Actor(user=o.User(uid=actor)),
    )


def detection_finding(
    *,
    time: int,
    finding_uid: str,
    rule: str,
    title: str,
    severity: Level,
    attacks: Sequence[o.Attack] = (),
    first: int | None = None,
    last: int | None = None,
    count: int | None = None,
    resource: Text | None = None,
    details: Mapping[str, Any] | None = None,
    uid: str | None = None,
) -> c.DetectionFinding:
    """2004: a detection rule matched. `first` and `last` (ms) are of the `count` events that it matched on."""
    return c.DetectionFinding(
        **head(2004, _CREATED, time=time, severity=severity_id(severity), uid=_text(uid)),
        finding_info=o.DetectionInfo(
            uid=finding_uid,
            title=title,
            analytic=o.Analytic(uid=rule, name=rule),
            attacks=list(attacks) or UNSET,
            first_seen_time=UNSET if first is None else first,
            last_seen_time=UNSET if last is None else last,
            related_events_count=UNSET if count is None else count,
        ),
        resources=UNSET if resource is None else [o.Resource(uid=resource)],
        unmapped=UNSET if details is None else {"guarita": dict(details)},
    )
