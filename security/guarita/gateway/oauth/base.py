"""What authenticators of access tokens share: reading the header, checking the binding, saying what was wrong."""

from __future__ import annotations

import abc

from guarita.gateway.interface import Authenticator, Headers, Principal, Request
from guarita.gateway.oauth.binding import Binding
from guarita.gateway.oauth.challenges import Challenger
from guarita.gateway.oauth.dpop import NonceNeededError
from guarita.gateway.oauth.presented import BEARER, DPOP, Presented, presented, scheme_of
from guarita.gateway.refusal import RefusalError

_ASKED = frozenset({400, 401})


class TokenAuthenticator(Authenticator):
    """An access token in `Authorization`, by the schemes Bearer and, where it is configured, DPoP."""

    by_authorization = True

    def __init__(self, binding: Binding | None = None, challenger: Challenger | None = None) -> None:
        self._binding = binding or Binding()
        proofs = self._binding.proofs
        self._challenger = challenger or Challenger(dpop_algorithms=proofs.algorithms if proofs else ())

    @property
    def binding(self) -> Binding:
        """What tokens may be, or must be, bound to."""
        return self._binding

    async def authenticate(self, request: Request) -> Principal | None:
        """As the interface says; what is raised carries its `WWW-Authenticate`."""
        scheme = BEARER
        try:
            brought = presented(request)
            if brought is None:
                return None
            scheme = brought.scheme
            if scheme == DPOP and self._binding.proofs is None:
                return None
            return await self._principal(brought, request)
        except RefusalError as refusal:
            if refusal.status in _ASKED:
                refusal.headers = self._challenger.refused(refusal, scheme)
            if isinstance(refusal, NonceNeededError):
                refusal.headers += ((b"dpop-nonce", refusal.nonce.encode("ascii")),)
            raise

    def forbidden(self, refusal: RefusalError, headers: Headers) -> None:
        """The error in the challenge of the scheme by which the token came (RFC 6750 section 3.1, RFC 9449 section 7.1)."""
        scheme = next((scheme_of(value) for name, value in headers if name == b"authorization"), None)
        refusal.headers = self._challenger.refused(refusal, scheme or BEARER)

    def challenges(self) -> tuple[str, ...]:
        """What is offered (RFC 6750 section 3, RFC 9449 section 7.1)."""
        return self._challenger.plain()

    @abc.abstractmethod
    async def _principal(self, brought: Presented, request: Request) -> Principal | None:
        """Whose token it is. None where it is not of this kind."""
