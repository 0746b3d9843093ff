"""The way back from a pseudonym: who may is the access policy's to say, and it is on record before anything is given."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from guarita.audit import Ledger, Personal, events
from guarita.errors import ExitStatus, GuaritaError, UsageError
from guarita.pii.redaction.tokens import sealed
from guarita.policy.access import AccessPolicy, Principal

PERMISSION: Final = "pii:reveal"
"""What a principal needs."""
MOST: Final = 100
"""Pseudonyms in one request: each is named in its event."""
_PURPOSE: Final = 120


class RevealRefusedError(GuaritaError):
    """This principal may not turn pseudonyms back."""

    exit_status = ExitStatus.REFUSED


class Opener(Protocol):
    """What turns pseudonyms back: `TransitPseudonyms.open`."""

    def __call__(self, tenant: str, sealed: Sequence[tuple[str, bytes]], /) -> list[str]: ...


class Revealer:
    """Turns pseudonyms back for those who may. Every request leaves an event, also one that is refused."""

    def __init__(
        self,
        policy: AccessPolicy,
        opener: Opener,
        ledger: Ledger,
        *,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """`clock` gives ms since the epoch."""
        self._policy = policy
        self._open = opener
        self._ledger = ledger
        self._clock = clock

    def reveal(
        self, tokens: Sequence[str], *, principal: Principal, tenant: str = "", purpose: str
    ) -> list[str]:
        """What the pseudonyms stand for, in their order.

        `purpose` says what it is needed for, by a reference of at most 120 characters: a ticket, a request's
        number. It is recorded. Raises UsageError `pii.pseudonym` for what is no pseudonym and `pii.purpose`;
        RevealRefusedError `pii.reveal-refused`; LedgerError or GuaritaError `pii.unrecorded` where the event
        cannot be written: then nothing is given; and what Vault raises.
        """
        if not purpose.strip() or len(purpose) > _PURPOSE or not purpose.isprintable():
            raise UsageError(
                "pii.purpose", f"a purpose is 1 to {_PURPOSE} characters", hint="name a ticket or a request"
            )
        if len(tokens) > MOST:
            raise UsageError("pii.reveal", f"{len(tokens)} pseudonyms, where {MOST} are turned back at once")
        found = [sealed(token) for token in tokens]
        parts = [part for part in found if part is not None]
        if len(parts) < len(tokens):
            raise UsageError(
                "pii.pseudonym",
                f"number {found.index(None) + 1} is no pseudonym",
                hint="a pseudonym is of the form [CPF~p:…], whole",
            )
        decision = self._policy.check(principal, PERMISSION)
        self._record(parts, principal, tenant, purpose, decision.code, allowed=decision.allowed)
        if not decision.allowed:
            raise RevealRefusedError(
                "pii.reveal-refused",
                f"this principal may not turn pseudonyms back ({decision.code})",
                hint=f"a role with the permission {PERMISSION} is needed, by a binding in gateway.access",
            )
        return self._open(tenant, parts)

    def _record(
        self,
        parts: Sequence[tuple[str, bytes]],
        principal: Principal,
        tenant: str,
        purpose: str,
        reason: str,
        *,
        allowed: bool,
    ) -> None:
        appended = self._ledger.append(
            events.api_activity(
                time=self._clock(),
                operation=PERMISSION,
                # An issuer's subject is often somebody's address.
                actor=Personal(f"{principal.issuer} {principal.subject}", principal.subject)
                if principal.subject
                else "(nobody)",
                allowed=allowed,
                activity="read",
                service="guarita.pii",
                reason=reason,
                severity="medium" if allowed else "high",
                details={
                    "issuer": principal.issuer,
                    "tenant": tenant,
                    "purpose": purpose,
                    # A pseudonym is a cipher: its digest says which one, to whoever has it.
                    "pseudonyms": [
                        {"type": entity, "sha256": hashlib.sha256(token).hexdigest()}
                        for entity, token in parts
                    ],
                },
                uid=f"pii-reveal:{secrets.token_hex(12)}",
            )
        )
        if appended.buffered:
            raise GuaritaError(
                "pii.unrecorded",
                "the ledger cannot be written, so nothing is turned back",
                hint="mend the ledger; a request that is only held in memory is no record",
            )
