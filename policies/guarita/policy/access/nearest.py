"""The nearest miss: what would have been enough for a request that was refused."""

from __future__ import annotations

from collections.abc import Iterable

from guarita.policy.access.bindings import BindingTable
from guarita.policy.access.interface import NearMiss, Place
from guarita.policy.access.roles import RoleTable
from guarita.policy.access.routes import RouteTable

SHOWN = 5
"""Bindings that are named for a role."""


def without_rule(routes: RouteTable, method: str, path: str) -> NearMiss | None:
    """Where no rule covers a request: the rules that nearly do."""
    if rules := routes.at(path):
        methods = sorted({method for rule in rules for method in rule.methods})
        return NearMiss("rule", f"this path has rules for {', '.join(methods)}", place=rules[0].place)
    other = routes.find(method, path[:-1] if path.endswith("/") else f"{path}/")
    if other is None:
        return None
    text = f"{other.text} is another path: the slash at the end counts"
    return NearMiss("rule", text, place=other.place)


def denying(roles: RoleTable, held: Iterable[str], permission: str) -> NearMiss | None:
    """The deny that stands in the way."""
    found = roles.denying(held, permission)
    if found is None:
        return None
    role, pattern = found
    text = f"without the role {role.name}, which denies {pattern}"
    return NearMiss("deny", text, permission=permission, role=role.name, place=role.deny[pattern])


def missing(
    roles: RoleTable, bindings: BindingTable, held: frozenset[str], needed: tuple[str, ...], lacked: str
) -> NearMiss:
    """The least role that would add what is missing, and the bindings that give it."""
    allow, deny = -1, 0
    for permission in needed:
        masks = roles.masks(permission)
        if not _has(roles, held, masks[0]):
            allow &= masks[0]
        deny |= masks[1]
    enough = roles.named(allow & ~deny)
    if not enough:
        return NearMiss("permission", f"no single role would add {lacked}", permission=lacked)

    def size(name: str) -> tuple[bool, int, int, str]:
        return name not in bindings.by_role, roles.breadth(name, lacked), -roles.heirs(name), name

    best = min(enough, key=size)
    places = tuple(binding.place for binding in bindings.by_role.get(best, ())[:SHOWN])
    text = f"with the role {best}, which allows {lacked}"
    if places:
        text += f": see the binding{'s' if len(places) > 1 else ''} at {', '.join(map(str, places))}"
    else:
        text += "; no binding gives it"
    return NearMiss(
        "role", text, permission=lacked, role=best, place=_allowed_at(roles, best, lacked), bindings=places
    )


def _has(roles: RoleTable, held: frozenset[str], mask: int) -> bool:
    return bool((roles.bits(held) or 0) & mask)


def _allowed_at(roles: RoleTable, name: str, permission: str) -> Place | None:
    found = roles.allowing((name,), permission)
    return found[0].allow[found[1]] if found else None
