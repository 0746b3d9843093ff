"""What goes wrong with a token of ours, and what a token of somebody else's is."""

from __future__ import annotations

from dataclasses import dataclass, field

from guarita.errors import UsageError
from guarita.gateway.refusal import RefusalError, UndecidedError

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  # RFC 8693 section 3


@dataclass(frozen=True, slots=True)
class SubjectToken:
    """The token of who calls us: `guarita.gateway.fastapi.subject_token` gives it."""

    value: str = field(repr=False)
    type: str = ACCESS_TOKEN
    """A token type identifier of RFC 8693 section 3."""


class TokenUnavailableError(UndecidedError):
    """The issuer cannot be asked now: `client.unavailable`. Another attempt may succeed."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__("client.unavailable", f"no token for {name} can be had now: {reason}")


class TokenRefusedError(RefusalError):
    """The issuer gives no token: `client.refused`. Asking again does not help."""

    status = 502
    error = ""
    challenges = False

    def __init__(self, name: str, reason: str) -> None:
        super().__init__("client.refused", f"no token for {name} is given: {reason}")
        self.reason = reason
        """The error code of RFC 6749 section 5.2, where it is a known one: `invalid_grant`, `invalid_target`."""


class TargetError(UsageError):
    """A token would go where it was not declared to: `client.target`."""

    def __init__(self, name: str, host: str) -> None:
        super().__init__(
            "client.target",
            f"tokens of {name} are not sent to {host}",
            hint=f"gateway.clients.{name}.targets names where they may go",
        )
