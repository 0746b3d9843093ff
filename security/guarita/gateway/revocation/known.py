"""What this process knows to be revoked: a table in memory, emptied as the tokens end."""

from __future__ import annotations

import heapq
from typing import Final

from guarita.gateway.interface import Principal
from guarita.gateway.revocation.interface import Kind, Revocation, identity

MAX_KNOWN: Final = 1_000_000
"""Revocations; beyond, nobody can be told apart any more, and everybody is refused."""


class Known:
    """Revocations by identity. The later of two about the same holds, in both of its times."""

    def __init__(self, max_known: int = MAX_KNOWN) -> None:
        self._by_identity: dict[str, Revocation] = {}
        self._ends: list[tuple[float, str]] = []
        self._max = max_known
        self.full = False

    def __len__(self) -> int:
        return len(self._by_identity)

    def add(self, one: Revocation) -> bool:
        """Whether this is news."""
        known = self._by_identity.get(one.identity)
        if known is not None:
            if one.at <= known.at and one.until <= known.until:
                return False
            one = Revocation(one.identity, max(one.at, known.at), max(one.until, known.until), one.every)
        elif len(self._by_identity) >= self._max:
            self.full = True
            return True
        self._by_identity[one.identity] = one
        heapq.heappush(self._ends, (one.until, one.identity))
        return True

    def forget(self, now: float) -> None:
        """Drop what has ended (`now` in seconds since the epoch)."""
        while self._ends and self._ends[0][0] <= now:
            _, name = heapq.heappop(self._ends)
            if (one := self._by_identity.get(name)) is not None and one.until <= now:
                del self._by_identity[name]

    def all(self) -> list[Revocation]:
        """Everything known."""
        return list(self._by_identity.values())

    def revoked(self, principal: Principal) -> bool:
        """Whether the principal's credential is revoked. A few lookups, and none where nothing is revoked."""
        if not self._by_identity:
            return False
        named: tuple[tuple[Kind, str], ...] = (
            ("token", principal.credential_id),
            ("subject", principal.subject),
            ("client", principal.client_id),
        )
        return any(self._holds(kind, value, principal) for kind, value in named if value)

    def _holds(self, kind: Kind, value: str, principal: Principal) -> bool:
        one = self._by_identity.get(identity(kind, principal.issuer, value))
        if one is None or one.every:
            return one is not None
        issued = principal.claims.get("iat")
        # What does not say when it was issued may have been issued before.
        return not isinstance(issued, int | float) or isinstance(issued, bool) or not issued > one.at
