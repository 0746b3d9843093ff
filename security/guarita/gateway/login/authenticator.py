"""Whoever's browser brings the cookie of a session, unless another site makes it."""

from __future__ import annotations

from collections.abc import Collection
from types import MappingProxyType

from guarita.gateway.interface import Authenticator, Headers, Principal, Request
from guarita.gateway.login import cookies
from guarita.gateway.login.crosssite import must_be_ours
from guarita.gateway.login.interface import Session, SessionEndedError
from guarita.gateway.login.sessions import Sessions, fingerprint
from guarita.gateway.refusal import RefusalError
from guarita.gateway.tokens.authenticator import roles_in


class SessionAuthenticator(Authenticator):
    """Sessions as principals. They are looked up for each request: anybody may end one at any moment."""

    name = "session"

    def __init__(
        self, sessions: Sessions, *, origins: Collection[str], role_claim: tuple[str, ...] = ()
    ) -> None:
        """`origins` are the sites whose requests may use a session; `role_claim` the path to a list of roles."""
        self.sessions = sessions
        self.origins = frozenset(origins)
        self.role_claim = role_claim

    async def authenticate(self, request: Request) -> Principal | None:
        """As the interface says."""
        value = cookies.read(request.headers, cookies.SESSION)
        if value is None:
            return None
        must_be_ours(request, self.origins)
        if not value:
            raise SessionEndedError
        # A connection that stays open is no sign that anybody is there.
        session = await self.sessions.find(value, touch=not request.again)
        return self.principal(session, fingerprint(value))

    def principal(self, session: Session, name: str) -> Principal:
        """Who logged in. Raises TokenError `token.claim` for roles that are none."""
        return Principal(
            subject=session.subject,
            issuer=session.issuer,
            scopes=frozenset(session.scopes),
            roles=roles_in(session.claims, self.role_claim),
            client_id=session.client_id,
            credential_id=name,
            expires=session.ends,
            authenticator=self.name,
            revisit=True,
            claims=MappingProxyType(session.claims),
        )

    def forbidden(self, refusal: RefusalError, headers: Headers) -> None:  # noqa: ARG002  # as the interface says
        """No challenge: no other credential is asked for."""
        refusal.challenges = False

    async def aclose(self) -> None:
        """Let go of connections."""
        await self.sessions.aclose()
