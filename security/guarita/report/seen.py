"""What is decoded of an entry: the few attributes that the posture looks at. The rest is skipped unread."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from guarita.audit.sealing.token import PREFIX

T = TypeVar("T")
_KEY = 8
_EMPTY = msgspec.Raw(b"{}")


class Named(msgspec.Struct):
    """A user, a resource, a service, an entity."""

    uid: str | None = None
    name: str | None = None
    type: str | None = None
    version: str | None = None


class Actor(msgspec.Struct):
    """Who did it."""

    user: Named | None = None
    app_name: str | None = None


class Api(msgspec.Struct):
    """What was called."""

    operation: str = ""
    service: Named | None = None


class Info(msgspec.Struct):
    """A finding."""

    uid: str = ""
    title: str = ""
    types: list[str] = []
    analytic: Named | None = None


class Check(msgspec.Struct):
    """A failing finding of a verdict."""

    uid: str
    name: str
    severity_id: int = 0


class Compliance(msgspec.Struct):
    """A verdict."""

    control: str = ""
    status_id: int = 0
    checks: list[Check] = []


class Discovery(msgspec.Struct):
    """A type of data, and how often."""

    type: str
    count: int


class DataSecurity(msgspec.Struct):
    """What was found in a document."""

    discovery_details: list[Discovery] = []


class Unmapped(msgspec.Struct):
    """Our own facts, decoded by whoever knows their form."""

    guarita: msgspec.Raw = _EMPTY


class Seen(msgspec.Struct):
    """An event, as far as anybody here looks at it."""

    class_uid: int = 0
    activity_id: int = 0
    severity_id: int = 0
    status_id: int = 0
    time: int = 0
    status_code: str | None = None
    user: Named | None = None
    actor: Actor | None = None
    api: Api | None = None
    entity: Named | None = None
    finding_info: Info | None = None
    compliance: Compliance | None = None
    resources: list[Named] = []
    data_security: DataSecurity | None = None
    unmapped: Unmapped | None = None

    def ours(self, decoder: msgspec.json.Decoder[T]) -> T:
        """`unmapped.guarita` in this form. Raises msgspec.ValidationError."""
        return decoder.decode(self.unmapped.guarita if self.unmapped else _EMPTY)

    def service(self) -> str:
        """The service whose API was called."""
        return (self.api.service.name or "") if self.api and self.api.service else ""

    def who(self) -> str:
        """Who did it, as `pseudonym` shows it; empty where nobody is named."""
        user = (self.actor.user if self.actor else None) or self.user
        return pseudonym((user.uid or user.name) if user else None)


decode = msgspec.json.Decoder(Seen).decode
"""From stored bytes. Raises msgspec.DecodeError."""


def pseudonym(text: str | None) -> str:
    """A text as the ledger has it; of a sealed one the beginning of its key's name, which tells people apart."""
    if text is None or not text.startswith(PREFIX):
        return text or ""
    return f"sealed:{text.removeprefix(PREFIX)[:_KEY]}"


def whole(value: int) -> int:
    """A count from somebody else's hand: no negative one."""
    return max(0, value)
