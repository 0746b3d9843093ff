"""What goes into an access decision and what comes out: plain data, the same for every door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, Protocol

import msgspec

CODES: Final = {
    "access.public": "The route asks for no credential.",
    "access.authenticated": "The route asks for any good credential, and there is one.",
    "access.granted": "The principal has every permission that is asked for.",
    "access.no-rule": "No rule covers the path and method: refused.",
    "access.method": "The method is none that two readers would read alike: refused whatever the rules say.",
    "access.unauthenticated": "The route asks for a credential, and there is none.",
    "access.denied": "A role of the principal denies a permission that is asked for.",
    "access.missing-permission": "No role of the principal allows a permission that is asked for.",
    "access.not-owner": "The path names somebody or something else than what the credential owns.",
}
"""Every code of a decision."""


class Principal(Protocol):
    """Who calls. An empty `subject` is nobody: no binding holds for it, and only public routes are open."""

    @property
    def subject(self) -> str:
        """Who it is, as its issuer says."""

    @property
    def issuer(self) -> str:
        """Who vouches for it."""

    @property
    def scopes(self) -> frozenset[str]:
        """What the credential was given for."""

    @property
    def roles(self) -> frozenset[str]:
        """Roles that the credential itself names. They mean nothing here until a binding says what."""

    @property
    def claims(self) -> Mapping[str, Any]:
        """All that the issuer says."""


class PrincipalData(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A principal as written by hand: in a policy test, a recorded decision, or on the command line."""

    subject: str = ""
    issuer: str = ""
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    claims: dict[str, Any] = msgspec.field(default_factory=dict)


class Place(msgspec.Struct, frozen=True):
    """Where something stands in a configuration file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class NearMiss(msgspec.Struct, frozen=True, omit_defaults=True):
    """What would have been enough. For the operator, never for the caller."""

    kind: Literal["role", "deny", "permission", "rule", "credential", "owner"]
    text: str
    permission: str = ""
    role: str = ""
    place: Place | None = None
    """Where the role, the deny or the rule stands."""
    bindings: tuple[Place, ...] = ()
    """Bindings that give the role."""


class Decision(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer, and why."""

    allowed: bool
    code: str
    """One of `CODES`."""
    rule: str = ""
    """The rule that decided: `GET /docs/{id}`."""
    place: Place | None = None
    """Where that rule stands."""
    permission: str = ""
    """The permission that was missing or denied."""
    nearest: NearMiss | None = None
    """On a refusal: what would have been enough."""
    public: bool = False
    """Whether the rule asks for nobody's credential."""
    privileged: bool = False
    """Whether the ledger wants each such request by itself."""
