"""Why a request is let through or not: every step of the decision, with the place in the policy that made it."""

from __future__ import annotations

import msgspec

from guarita.policy.access import templates
from guarita.policy.access.interface import Decision, Place, Principal
from guarita.policy.access.policy import AccessPolicy, Grant


class Held(msgspec.Struct, frozen=True):
    """A role that a binding gives."""

    role: str
    binding: Place


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """A permission that the rule asks for, and what the roles say to it."""

    permission: str
    answer: str
    """`allowed`, `denied` or `missing`."""
    role: str = ""
    pattern: str = ""
    place: Place | None = None


class Owned(msgspec.Struct, frozen=True):
    """An ownership condition."""

    condition: str
    holds: bool
    place: Place


class Unmet(msgspec.Struct, frozen=True):
    """A binding that would give the role that was missing, and what it still asks for."""

    binding: Place
    conditions: tuple[str, ...]


class Explanation(msgspec.Struct, frozen=True):
    """A decision, step by step."""

    method: str
    path: str
    decision: Decision
    held: tuple[Held, ...]
    inherited: tuple[str, ...]
    asked: tuple[Asked, ...]
    owners: tuple[Owned, ...]
    unmet: tuple[Unmet, ...]
    less_specific: tuple[str, ...]
    """Rules that match too, and did not decide: `GET /{rest...} (guarita.yaml:12)`."""
    policy: str
    """The policy's digest."""


def explain(policy: AccessPolicy, principal: Principal, method: str, path: str) -> Explanation:
    """Decide, and say why."""
    decision = policy.decide(principal, method, path)
    rules = policy.routes.matching(method, path)
    rule = rules[0] if rules else None
    grant = policy.grant(principal)
    held = {(binding.role, binding.place) for binding in policy.bindings.holding(principal)}
    lineage = [role.name for role in policy.roles.lineage(grant.roles)]
    segments = templates.split(path) or []
    return Explanation(
        method=method,
        path=path,
        decision=decision,
        held=tuple(Held(role, place) for role, place in sorted(held, key=lambda one: (one[0], one[1].line))),
        inherited=tuple(name for name in lineage if name not in grant.roles),
        asked=tuple(_asked(policy, grant, permission) for permission in (rule.permissions if rule else ())),
        owners=tuple(
            Owned(str(owner), owner.holds(principal, segments), owner.place)
            for owner in (rule.owners if rule else ())
        ),
        unmet=_unmet(policy, principal, decision),
        less_specific=tuple(f"{other.text} ({other.place})" for other in rules[1:]),
        policy=policy.digest,
    )


def _asked(policy: AccessPolicy, grant: Grant, permission: str) -> Asked:
    if found := policy.roles.denying(grant.roles, permission):
        role, pattern = found
        return Asked(permission, "denied", role.name, pattern, role.deny[pattern])
    if found := policy.roles.allowing(grant.roles, permission):
        role, pattern = found
        return Asked(permission, "allowed", role.name, pattern, role.allow[pattern])
    return Asked(permission, "missing")


def _unmet(policy: AccessPolicy, principal: Principal, decision: Decision) -> tuple[Unmet, ...]:
    if decision.nearest is None or decision.nearest.kind != "role":
        return ()
    bindings = policy.bindings.by_role.get(decision.nearest.role, ())
    return tuple(Unmet(binding.place, binding.unmet(principal)) for binding in bindings)
