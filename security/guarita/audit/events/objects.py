"""The OCSF 1.8 objects that our events are made of, each with the attributes that we fill.

Names and meanings are the schema's own (https://schema.ocsf.io/1.8.0/objects). What is absent is UNSET and is not
written. A `Text` may be `Personal`, and is then sealed by the ledger.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from guarita.audit.events.secret import Text

OCSF_VERSION = "1.8.0"


class Ocsf(msgspec.Struct, frozen=True, kw_only=True):
    """An OCSF object."""


class Product(Ocsf, frozen=True, kw_only=True):
    """What reports the event, or the application that it is about."""

    name: str = "Guarita"
    vendor_name: str = "Guarita"
    version: str | UnsetType = UNSET


class Metadata(Ocsf, frozen=True, kw_only=True):
    """About the event itself. `uid` is its idempotency key in the ledger."""

    product: Product
    version: str = OCSF_VERSION
    uid: str | UnsetType = UNSET
    correlation_uid: str | UnsetType = UNSET
    profiles: list[str] | UnsetType = UNSET


class User(Ocsf, frozen=True, kw_only=True):
    """A person or a machine account. `uid` or `name` must be there."""

    uid: Text | UnsetType = UNSET
    name: Text | UnsetType = UNSET
    type_id: int | UnsetType = UNSET


class Session(Ocsf, frozen=True, kw_only=True):
    """A session; `uid` is a fingerprint, never the token."""

    uid: str | UnsetType = UNSET
    issuer: str | UnsetType = UNSET


class Actor(Ocsf, frozen=True, kw_only=True):
    """Who did it: a user, or an application by name."""

    user: User | UnsetType = UNSET
    app_name: str | UnsetType = UNSET
    session: Session | UnsetType = UNSET


class Endpoint(Ocsf, frozen=True, kw_only=True):
    """Where a call came from or went to. A sealed address stands in `uid`, since `ip` has a fixed form."""

    ip: str | UnsetType = UNSET
    uid: Text | UnsetType = UNSET
    name: str | UnsetType = UNSET
    svc_name: str | UnsetType = UNSET


class Service(Ocsf, frozen=True, kw_only=True):
    """A service, by name."""

    name: str
    version: str | UnsetType = UNSET


class Response(Ocsf, frozen=True, kw_only=True):
    """An API's answer."""

    code: int | UnsetType = UNSET
    error: str | UnsetType = UNSET


class Api(Ocsf, frozen=True, kw_only=True):
    """An API call."""

    operation: str
    service: Service | UnsetType = UNSET
    response: Response | UnsetType = UNSET


class Group(Ocsf, frozen=True, kw_only=True):
    """A group or role."""

    name: str


class Policy(Ocsf, frozen=True, kw_only=True):
    """The policy that decided; `uid` is its digest."""

    name: str
    uid: str | UnsetType = UNSET
    type: str | UnsetType = UNSET


class Resource(Ocsf, frozen=True, kw_only=True):
    """What an event is about: `name` or `uid`, with its type and version."""

    name: Text | UnsetType = UNSET
    uid: Text | UnsetType = UNSET
    type: str | UnsetType = UNSET
    version: str | UnsetType = UNSET


class FindingInfo(Ocsf, frozen=True, kw_only=True):
    """A finding's identity."""

    uid: str
    title: str
    types: list[str] | UnsetType = UNSET


class Check(Ocsf, frozen=True, kw_only=True):
    """One check of a compliance finding: `uid` is a fingerprint, `name` the rule."""

    uid: str
    name: str
    severity_id: int
    status_id: int


class Compliance(Ocsf, frozen=True, kw_only=True):
    """How a control stands."""

    control: str
    status_id: int
    status: str
    checks: list[Check] | UnsetType = UNSET
    standards: list[str] | UnsetType = UNSET


class Scan(Ocsf, frozen=True, kw_only=True):
    """A scan's identity."""

    uid: str
    name: str
    type_id: int = 99
    type: str = "Guarita gate"


class Cve(Ocsf, frozen=True, kw_only=True):
    """A CVE by its identifier."""

    uid: str


class Advisory(Ocsf, frozen=True, kw_only=True):
    """An advisory by its identifier, where there is no CVE."""

    uid: str


class Vulnerability(Ocsf, frozen=True, kw_only=True):
    """A known vulnerability; exactly one of `cve` and `advisory`."""

    cve: Cve | UnsetType = UNSET
    advisory: Advisory | UnsetType = UNSET


class Classifier(Ocsf, frozen=True, kw_only=True):
    """What recognised the data."""

    name: str
    type: str


class Discovery(Ocsf, frozen=True, kw_only=True):
    """How often one type of data was found. Never the data."""

    type: str
    count: int


class DataSecurity(Ocsf, frozen=True, kw_only=True):
    """What kind of data was found, and by what."""

    detection_system_id: int
    classifier_details: Classifier
    discovery_details: list[Discovery]
    category_id: int


class Entity(Ocsf, frozen=True, kw_only=True):
    """A managed entity, for us a secret or a key: `uid` is its path or name, never its value."""

    uid: str
    name: str
    type: str
    version: str | UnsetType = UNSET


class Analytic(Ocsf, frozen=True, kw_only=True):
    """The rule that detected."""

    uid: str
    name: str
    type_id: int = 1


class Tactic(Ocsf, frozen=True, kw_only=True):
    """A tactic of MITRE ATT&CK: `TA0006`."""

    uid: str
    name: str | UnsetType = UNSET


class Technique(Ocsf, frozen=True, kw_only=True):
    """A technique of MITRE ATT&CK, `T1110`, or one below it, `T1110.004`."""

    uid: str
    name: str | UnsetType = UNSET


class Attack(Ocsf, frozen=True, kw_only=True):
    """What an attacker does, in the words of MITRE ATT&CK."""

    tactics: list[Tactic] | UnsetType = UNSET
    technique: Technique | UnsetType = UNSET
    sub_technique: Technique | UnsetType = UNSET


class DetectionInfo(FindingInfo, frozen=True, kw_only=True):
    """A detection's identity, with its rule and the time of the first and the last event (ms since the epoch)."""

    analytic: Analytic | UnsetType = UNSET
    attacks: list[Attack] | UnsetType = UNSET
    first_seen_time: int | UnsetType = UNSET
    last_seen_time: int | UnsetType = UNSET
    related_events_count: int | UnsetType = UNSET


Unmapped = dict[str, Any]
"""`unmapped` holds what OCSF has no attribute for, under the one key `guarita`."""
