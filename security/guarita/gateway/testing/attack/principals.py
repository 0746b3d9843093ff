"""Principals by the policy: who has which role, who is let through where, and who differs from whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from guarita.gateway.testing.attack.examples import NAME
from guarita.gateway.testing.attack.interface import Holder, Target
from guarita.policy.access import AccessPolicy, PrincipalData

NOBODY = PrincipalData()
_MOST = 64
"""Principals that are told apart at most."""


def with_roles(policy: AccessPolicy, roles: Iterable[str], issuers: frozenset[str]) -> PrincipalData | None:
    """A principal whom the bindings give these roles, of one of these issuers; None where they cannot."""
    made = PrincipalData(subject=NAME)
    for role in roles:
        added = next(
            (found for name in _giving(policy, role) if (found := _added(policy, made, name, issuers))), None
        )
        if added is None:
            return None
        made = added
    return made


def _giving(policy: AccessPolicy, role: str) -> Iterator[str]:
    """The role, and those that have all of it."""
    yield role
    for name in policy.roles.roles:
        if name != role and any(other.name == role for other in policy.roles.lineage((name,))):
            yield name


def _added(
    policy: AccessPolicy, made: PrincipalData, role: str, issuers: frozenset[str]
) -> PrincipalData | None:
    for binding in policy.bindings.by_role.get(role, ()):
        if binding.issuer is not None and binding.issuer not in issuers:
            continue
        if binding.issuer is not None and made.issuer not in {"", binding.issuer}:
            continue
        claims = made.claims
        if binding.claim is not None and binding.value is not None:
            claims = placed(claims, binding.claim, binding.value[1])
        added = msgspec.structs.replace(
            made,
            issuer=binding.issuer or made.issuer,
            subject=binding.subject or made.subject,
            scopes=made.scopes | ({binding.scope} if binding.scope else set()),
            roles=made.roles | ({binding.credential_role} if binding.credential_role else set()),
            claims=claims,
        )
        if binding.holds(added):
            return added
    return None


def placed(claims: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Claims that have a value at a path; beside what stands there already, as a list."""
    first, *rest = path
    here = claims.get(first)
    if rest:
        return {**claims, first: placed(here if isinstance(here, Mapping) else {}, tuple(rest), value)}
    if here is None or here == value:
        return {**claims, first: value}
    return {**claims, first: [*(here if isinstance(here, list) else [here]), value]}


def owning(policy: AccessPolicy, principal: PrincipalData, target: Target) -> PrincipalData:
    """The principal, who owns what the path of a target names, as far as that is a matter of his subject or claims."""
    rule = policy.routes.find(target.method if target.method != "*" else "GET", target.path)
    if rule is None:
        return principal
    segments = target.path[1:].split("/")
    for owner in rule.owners:
        named = segments[owner.position]
        if owner.claim is None:
            principal = msgspec.structs.replace(principal, subject=named)
        else:
            principal = msgspec.structs.replace(
                principal, claims=placed(principal.claims, owner.claim, named)
            )
        if owner.issuer is not None:
            principal = msgspec.structs.replace(principal, issuer=owner.issuer)
    return principal


def holders(policy: AccessPolicy, issuers: frozenset[str], targets: Iterable[Target]) -> tuple[Holder, ...]:
    """Somebody without a role, one for each role that the policy treats differently, and one with many of them.

    The fewer targets one may reach, the earlier he stands.
    """
    targets = tuple(targets)
    found = [Holder("somebody without a role", PrincipalData(subject=NAME))]
    alone = {
        name: made
        for name in policy.roles.roles
        if (made := with_roles(policy, (name,), issuers)) is not None
    }
    found += [Holder(f"the role {name}", made) for name, made in alone.items()]
    found += [
        Holder(f"the roles {' and '.join(names)}", made)
        for names in _together(policy, targets)
        if len(names) > 1 and (made := with_roles(policy, names, issuers)) is not None
    ]
    told: dict[tuple[bool, ...], Holder] = {}
    for holder in found:
        may = tuple(allowed(policy, holder, target) for target in targets)
        told.setdefault(may, holder)
    kept = sorted(told, key=sum)
    return tuple(told[may] for may in kept[:_MOST])


def _together(policy: AccessPolicy, targets: Iterable[Target]) -> Iterator[tuple[str, ...]]:
    """For each target whose permissions no single role has, roles that have them together."""
    for target in targets:
        rule = policy.routes.find(target.method, target.path)
        if rule is None:
            continue
        names = []
        for permission in rule.permissions:
            allow, deny = policy.roles.masks(permission)
            names += policy.roles.named(allow & ~deny)[:1]
        yield tuple(dict.fromkeys(names))


def allowed(policy: AccessPolicy, holder: Holder, target: Target) -> bool:
    """Whether the policy lets him through to a target that is his."""
    principal = owning(policy, holder.principal, target)
    return policy.decide(principal, target.method, target.path).allowed
