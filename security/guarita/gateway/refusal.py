"""What the gateway answers when it lets nobody through: one error type, each reason with its own stable code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guarita.errors import GuaritaError

if TYPE_CHECKING:
    from guarita.policy.access.made import Made


class RefusalError(GuaritaError):
    """A request is not let through.

    `status` is the HTTP status: 401 for a credential that is missing or wrong, 403 for one that is right and
    not enough, 503 for what cannot be decided now. `error` is the code of RFC 6750 section 3.1 or RFC 9449
    section 7.1 for the `WWW-Authenticate` header. Neither message nor code holds anything of the credential.
    """

    status = 401
    error = "invalid_token"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """For the response, where who raised it knows better than others: `WWW-Authenticate`, `DPoP-Nonce`."""
    challenges = True
    """Whether a 401 or 403 comes with `WWW-Authenticate`: another credential would help."""

    made: Made | None = None
    """What the decision hung on, where it was the access policy's."""

    @property
    def audit_code(self) -> str:
        """The true reason, for the audit ledger and metrics; the client learns `code` only."""
        return self.code


class TokenError(RefusalError):
    """The access token is not acceptable."""


class ForbiddenError(RefusalError):
    """The principal is known, and may not do this."""

    status = 403
    error = "insufficient_scope"


class UndecidedError(RefusalError):
    """It cannot be decided now, because something that decides is out of reach: try again later."""

    status = 503
    error = "temporarily_unavailable"
