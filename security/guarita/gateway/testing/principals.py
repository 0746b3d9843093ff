"""Requests of whoever a test wants: an authenticator that believes everybody."""

from __future__ import annotations

from collections.abc import Iterable

from guarita.gateway.interface import Authenticator, Principal, Request


class _Vouching(Authenticator):
    name = "testing"

    def __init__(self, principal: Principal) -> None:
        self._principal = principal

    async def authenticate(self, request: Request) -> Principal | None:  # noqa: ARG002  # whatever it says
        return self._principal


def as_principal(
    subject: str,
    *,
    roles: Iterable[str] = (),
    scopes: Iterable[str] = (),
    issuer: str = "testing",
    client_id: str = "",
) -> Authenticator:
    """An authenticator for which every request is this principal's. Never for anything but tests."""
    return _Vouching(
        Principal(
            subject=subject,
            issuer=issuer,
            roles=frozenset(roles),
            scopes=frozenset(scopes),
            client_id=client_id,
            authenticator="testing",
        )
    )
