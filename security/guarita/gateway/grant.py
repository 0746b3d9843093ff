"""What a decision comes to when it lets a request through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from guarita.gateway.interface import Principal

if TYPE_CHECKING:
    from guarita.policy.access.made import Made


class AccessDecision(Protocol):
    """What an access policy says about one request."""

    @property
    def allowed(self) -> bool:
        """Whether it may pass."""

    @property
    def code(self) -> str:
        """The stable code of the reason: `access.granted`, `access.no-rule`, `access.denied` and others."""

    @property
    def rule(self) -> str:
        """The rule that decided, by its place, empty where none did."""

    @property
    def public(self) -> bool:
        """Whether the rule asks for nobody's credential."""

    @property
    def privileged(self) -> bool:
        """Whether the audit ledger wants each such grant by itself."""


class Held(Protocol):
    """The roles that a policy gives a principal."""

    @property
    def roles(self) -> frozenset[str]:
        """By name."""


class AccessPolicy(Protocol):
    """A compiled access policy: it never changes; a new one takes its place."""

    @property
    def digest(self) -> str:
        """SHA-256 of what it was compiled from, hex."""

    def grant(self, principal: Principal) -> Held:
        """The roles that the policy's bindings give a principal."""

    def decide(
        self, principal: Principal | None, method: str, path: str, grant: Any = None
    ) -> AccessDecision:
        """Decide about a request by its canonical path; `principal` is None before anybody is known.

        `grant` is what `grant(principal)` gave, where it was asked already.
        """

    def check(self, principal: Principal | None, permission: str) -> AccessDecision:
        """Whether a principal has a permission, whatever the route."""


class Epoch:
    """A token for *nothing has changed*: grants made under another one are not used again."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """A request may pass."""

    principal: Principal
    rule: str
    privileged: bool
    until: float
    """By the monotonic clock, in seconds: until then the same request may pass without being decided again."""
    epoch: Epoch
    made: Made
    """What the decision hung on, for the record."""
    reusable: bool = False
    """Whether the same bytes may pass again without being decided: not where anything but `Authorization` says who
    calls, where each request brings its own proof, or where each one is told by itself."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """To be added to the response: rate limits."""
