"""One access policy, compiled: a request and a principal go in, a decision comes out. No I/O, and nothing changes it.

What is remembered (the rule of a path, the grant of a set of roles, the decision of both) is bounded, and follows
from the policy alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from guarita.errors import UsageError
from guarita.policy.access import nearest, templates
from guarita.policy.access.bindings import BindingTable
from guarita.policy.access.interface import Decision, NearMiss, Principal
from guarita.policy.access.roles import RoleTable, patterns_for
from guarita.policy.access.routes import METHOD, RouteTable, Rule

ROUTES_KEPT: Final = 8_192
"""Requests (method and path) whose rule is remembered."""
LONGEST_KEPT: Final = 256
"""Characters of a path that is remembered."""
GRANTS_KEPT: Final = 4_096
"""Sets of roles that are remembered."""
DECISIONS_KEPT: Final = 32_768
"""Pairs of a set of roles with a rule, or with a permission, that are remembered."""


@dataclass(frozen=True, slots=True, eq=False)
class Grant:
    """The roles that a principal has under one policy. Keep it beside the credential, as long as both hold."""

    roles: frozenset[str]
    mask: int
    policy: str
    """The digest of the policy that it is of."""


@dataclass(frozen=True, eq=False)
class AccessPolicy:
    """A compiled policy. `guarita.policy.access.compile` makes it."""

    roles: RoleTable = field(repr=False)
    bindings: BindingTable = field(repr=False)
    routes: RouteTable = field(repr=False)
    source: str
    """The file that it was read from."""
    digest: str
    """SHA-256 of what it says, in hex: the same for the same policy, wherever it stands in whichever file."""
    version: int = 1
    """Counts the policies that a process has had: later ones are higher."""
    permits: Callable[[frozenset[str], str], bool] = field(init=False, repr=False)
    """Whether a set of roles has a permission, remembered: `permits(frozenset({"reader"}), "docs:read")`."""
    _route: Callable[[str, str], Rule | Decision] = field(init=False, repr=False)
    _granted: Callable[[frozenset[str]], Grant] = field(init=False, repr=False)
    _judged: Callable[[Grant, Rule], Decision] = field(init=False, repr=False)
    _checked: Callable[[Grant, str], Decision] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name, size, function in (
            ("permits", DECISIONS_KEPT, self._permits),
            ("_route", ROUTES_KEPT, self._find),
            ("_granted", GRANTS_KEPT, self._grant),
            ("_judged", DECISIONS_KEPT, self._judge),
            ("_checked", DECISIONS_KEPT, self._check),
        ):
            object.__setattr__(self, name, functools.lru_cache(maxsize=size)(function))

    def grant(self, principal: Principal) -> Grant:
        """The roles that the bindings give a principal. Roles that its credential names are not enough."""
        return self._granted(self.bindings.roles_of(principal))

    def decide(
        self, principal: Principal | None, method: str, path: str, grant: Grant | None = None
    ) -> Decision:
        """Whether a principal, or nobody, may make a request.

        `path` is canonical: decoded once, without dot segments. `grant` is what `grant(principal)` gave; one of
        another policy is not believed.
        """
        found = self._route(method, path) if len(path) <= LONGEST_KEPT else self._find(method, path)
        if isinstance(found, Decision):
            return found
        if found.public:
            return found.opened
        if principal is None or not principal.subject:
            return found.closed
        if grant is None or grant.policy != self.digest:
            grant = self.grant(principal)
        decision = self._judged(grant, found)
        if decision.allowed and found.owners:
            return self._owned(decision, principal, grant, found, path)
        return decision

    def judge(self, roles: frozenset[str], rule: Rule) -> Decision:
        """What one of its rules says to whoever has these roles, its ownership conditions aside."""
        return self._judged(self._granted(roles), rule)

    def check(self, principal: Principal | None, permission: str, grant: Grant | None = None) -> Decision:
        """Whether a principal has a permission, whatever the route.

        Raises UsageError `access.permission` for what is no permission: a wildcard asks for nothing definite.
        """
        if principal is None or not principal.subject:
            return Decision(False, "access.unauthenticated", permission=permission)
        if grant is None or grant.policy != self.digest:
            grant = self.grant(principal)
        return self._checked(grant, permission)

    def _find(self, method: str, path: str) -> Rule | Decision:
        if not METHOD.fullmatch(method):
            return Decision(False, "access.method", nearest=NearMiss("rule", "methods are in upper case"))
        found = self.routes.find(method, path)
        if found is not None:
            return found
        return Decision(False, "access.no-rule", nearest=nearest.without_rule(self.routes, method, path))

    def _grant(self, roles: frozenset[str]) -> Grant:
        return Grant(roles, self.roles.bits(roles) or 0, self.digest)

    def _permits(self, roles: frozenset[str], permission: str) -> bool:
        mask = self.roles.bits(roles)
        allow, deny = self._masks(permission)
        # A role that is not there might have denied.
        return mask is not None and bool(mask & allow) and not mask & deny

    def _masks(self, permission: str) -> tuple[int, int]:
        if permission not in patterns_for(permission)[:1] or not _definite(permission):
            raise UsageError(
                "access.permission",
                f"{permission!r} is no permission that can be asked for",
                hint="a permission is resource:action, as in docs:read",
            )
        return self.roles.masks(permission)

    def _judge(self, grant: Grant, rule: Rule) -> Decision:
        refused = self._refused(grant, rule.permissions)
        if refused is None:
            return rule.opened
        code, permission, miss = refused
        return Decision(False, code, rule.text, rule.place, permission, miss)

    def _check(self, grant: Grant, permission: str) -> Decision:
        refused = self._refused(grant, (permission,))
        if refused is None:
            return Decision(True, "access.granted", permission=permission)
        return Decision(False, refused[0], permission=permission, nearest=refused[2])

    def _refused(self, grant: Grant, permissions: tuple[str, ...]) -> tuple[str, str, NearMiss | None] | None:
        for permission in permissions:
            if grant.mask & self._masks(permission)[1]:
                return "access.denied", permission, nearest.denying(self.roles, grant.roles, permission)
        for permission in permissions:
            if not grant.mask & self._masks(permission)[0]:
                miss = nearest.missing(self.roles, self.bindings, grant.roles, permissions, permission)
                return "access.missing-permission", permission, miss
        return None

    def _owned(
        self, decision: Decision, principal: Principal, grant: Grant, rule: Rule, path: str
    ) -> Decision:
        segments = templates.split(path) or []
        for owner in rule.owners:
            if owner.holds(principal, segments):
                continue
            if owner.unless is not None and self._checked(grant, owner.unless).allowed:
                continue
            miss = NearMiss("owner", f"where {owner}", permission=owner.unless or "", place=owner.place)
            return Decision(False, "access.not-owner", rule.text, rule.place, nearest=miss)
        return decision


def _definite(permission: str) -> bool:
    resource, colon, action = permission.partition(":")
    return bool(colon and resource and action) and "*" not in permission and ":" not in action
