"""The seam of metrics: what the gateway tells of itself while it runs. Nothing here says who called, or for what path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from guarita.gateway.keys.source import KeyStatus

Outcome = Literal["granted", "refused", "undecided"]
Cache = Literal["tokens", "introspection", "api-keys"]
Dependency = Literal["keys", "introspection", "api-keys", "limits", "revocation", "ledger"]
"""What the gateway stands on: issuers' key sets, an introspection endpoint, the store of API keys, Redis, the ledger."""


class Meter(Protocol):
    """Hears what happens. No call may block or raise."""

    def decided(self, outcome: Outcome, code: str, rule: str, authenticator: str, seconds: float) -> None:
        """A decision was made within so many seconds."""

    def remembered(self, rule: str) -> None:
        """A request passed by the decision of a moment ago."""

    def limited(self, limit: str) -> None:
        """A limit refused a request."""

    def looked_up(self, cache: Cache, *, hit: bool) -> None:
        """Something was looked for in a cache."""

    def asked(self, dependency: Dependency, *, answered: bool) -> None:
        """What decides with us was asked, and answered or not."""

    def keys(self, status: KeyStatus, *, renewed: bool) -> None:
        """An issuer's key set was fetched, or could not be."""

    def revocations(self, known: int) -> None:
        """What is revoked was heard: so many are known."""

    def ledger(self, *, waiting: int, untold: int) -> None:
        """So many decisions wait to be written, and so many more were not told."""

    def policy(self, *, right: bool) -> None:
        """The policy's file was looked at, and is right or wrong."""

    def sockets(self, change: int) -> None:
        """A WebSocket was opened (1), or ended (-1)."""


class Unmeasured:
    """Hears nothing."""

    def decided(self, outcome: Outcome, code: str, rule: str, authenticator: str, seconds: float) -> None:
        """Nothing."""

    def remembered(self, rule: str) -> None:
        """Nothing."""

    def limited(self, limit: str) -> None:
        """Nothing."""

    def looked_up(self, cache: Cache, *, hit: bool) -> None:
        """Nothing."""

    def asked(self, dependency: Dependency, *, answered: bool) -> None:
        """Nothing."""

    def keys(self, status: KeyStatus, *, renewed: bool) -> None:
        """Nothing."""

    def revocations(self, known: int) -> None:
        """Nothing."""

    def ledger(self, *, waiting: int, untold: int) -> None:
        """Nothing."""

    def policy(self, *, right: bool) -> None:
        """Nothing."""

    def sockets(self, change: int) -> None:
        """Nothing."""


UNMEASURED: Meter = Unmeasured()


@runtime_checkable
class Measurable(Protocol):
    """What tells a meter of itself."""

    meter: Meter
