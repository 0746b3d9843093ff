"""Replay: which of the decisions that were made a candidate policy would flip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from guarita.policy.access.interface import Decision, PrincipalData
from guarita.policy.access.policy import AccessPolicy


class Recorded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A decision that was made, with as much of the principal as was kept."""

    method: str
    path: str
    allowed: bool
    subject: str = ""
    issuer: str = ""
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    claims: dict[str, Any] | None = None
    """None where they were not kept: a decision that hangs on a claim is then unknown."""

    @property
    def principal(self) -> PrincipalData:
        """Who called, as far as it was kept."""
        return PrincipalData(
            subject=self.subject,
            issuer=self.issuer,
            scopes=self.scopes,
            roles=self.roles,
            claims=self.claims or {},
        )


class Flip(msgspec.Struct, frozen=True):
    """A decision that the two policies make differently."""

    recorded: Recorded
    before: Decision
    after: Decision


class Replay(msgspec.Struct, frozen=True):
    """What came of it. Every recorded decision is counted in exactly one of `same`, `flips` and `unknown`."""

    same: int
    flips: tuple[Flip, ...]
    unknown: tuple[Recorded, ...]
    """The record does not hold what one of the policies asks for, or the old policy would not have decided so."""

    @property
    def opened(self) -> tuple[Flip, ...]:
        """Refused before, and let through by the new policy."""
        return tuple(flip for flip in self.flips if flip.after.allowed)

    @property
    def closed(self) -> tuple[Flip, ...]:
        """Let through before, and refused by the new policy."""
        return tuple(flip for flip in self.flips if not flip.after.allowed)

    def by_rule(self) -> dict[tuple[str, str, str], int]:
        """How many flips: by the rule before, the rule after, and the code after."""
        return dict(Counter((f.before.rule, f.after.rule, f.after.code) for f in self.flips))


def diff(old: AccessPolicy, new: AccessPolicy, recorded: Iterable[Recorded]) -> Replay:
    """Make every recorded decision again by both policies."""
    same, flips, unknown = 0, [], []
    for record in recorded:
        principal = record.principal
        before = old.decide(principal, record.method, record.path)
        after = new.decide(principal, record.method, record.path)
        lacking = record.claims is None and any(_asks_claims(policy, record) for policy in (old, new))
        if lacking or before.allowed != record.allowed:
            unknown.append(record)
        elif before.allowed != after.allowed:
            flips.append(Flip(record, before, after))
        else:
            same += 1
    return Replay(same, tuple(flips), tuple(unknown))


def _asks_claims(policy: AccessPolicy, record: Recorded) -> bool:
    rule = policy.routes.find(record.method, record.path)
    if rule is None or rule.public or not record.subject:
        return False
    if any(owner.claim is not None for owner in rule.owners):
        return True
    asks_roles = bool(rule.permissions) or any(owner.unless for owner in rule.owners)
    return asks_roles and any(binding.claim is not None for binding in policy.bindings.bindings)
