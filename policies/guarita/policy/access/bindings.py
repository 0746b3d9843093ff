"""Bindings: which roles a principal has. Looked up by what the principal brings, not by going through all."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from guarita.policy.access import claims
from guarita.policy.access.interface import Place, Principal, PrincipalData

KEPT: Final = 4_096
"""Combinations of issuer, scopes and roles whose bindings are remembered,"""
MAX_NAMES: Final = 32
"""of so many scopes and roles at most."""

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """Who has a role: all conditions that are not None must hold."""

    role: str
    place: Place
    issuer: str | None = None
    subject: str | None = field(default=None, repr=False)
    scope: str | None = None
    claim: tuple[str, ...] | None = None
    value: claims.Scalar | None = field(default=None, repr=False)
    credential_role: str | None = None

    def holds(self, principal: Principal) -> bool:
        """Whether the principal has the role by this binding. Nobody has none."""
        return bool(principal.subject) and not any(True for _ in self._unmet(principal))

    def unmet(self, principal: Principal) -> tuple[str, ...]:
        """The conditions that do not hold, by name and without anything of the principal."""
        return tuple(self._unmet(principal))

    def _unmet(self, principal: Principal) -> Iterator[str]:
        if self.issuer is not None and principal.issuer != self.issuer:
            yield f"issuer {self.issuer}"
        if self.subject is not None and principal.subject != self.subject:
            yield "subject"
        if self.scope is not None and self.scope not in principal.scopes:
            yield f"scope {self.scope}"
        if self.claim is not None and self.value not in claims.values(principal.claims, self.claim):
            yield f"claim {'.'.join(self.claim)} = {self.value[1] if self.value else ''}"
        if self.credential_role is not None and self.credential_role not in principal.roles:
            yield f"role {self.credential_role} in the credential"

    @property
    def key(self) -> Key:
        """Its rarest condition, by which it is looked up."""
        if self.subject is not None:
            return "subject", self.issuer, self.subject
        if self.credential_role is not None:
            return "role", self.credential_role
        if self.scope is not None:
            return "scope", self.scope
        if self.claim is not None:
            return "claim", self.claim, self.value
        return "issuer", self.issuer


class BindingTable:
    """All bindings of a policy, by their keys."""

    __slots__ = ("_by_key", "_claims", "_kept", "_plain", "bindings", "by_role")
    _kept: Callable[[str, frozenset[str], frozenset[str]], frozenset[str]]

    def __init__(self, bindings: Iterable[Binding]) -> None:
        self.bindings = tuple(bindings)
        self._plain = all(binding.claim is None for binding in self.bindings)
        self._kept = functools.lru_cache(maxsize=KEPT)(self._roles_of_anyone)
        self._claims = {binding.claim for binding in self.bindings if binding.key[0] == "claim"}
        self._by_key: dict[Key, list[Binding]] = {}
        self.by_role: dict[str, list[Binding]] = {}
        for binding in self.bindings:
            self._by_key.setdefault(binding.key, []).append(binding)
            self.by_role.setdefault(binding.role, []).append(binding)

    def holding(self, principal: Principal) -> list[Binding]:
        """The bindings that hold for a principal."""
        if not self._by_key:
            return []
        return [
            binding
            for key in self._keys(principal)
            for binding in self._by_key.get(key, ())
            if binding.holds(principal)
        ]

    def roles_of(self, principal: Principal) -> frozenset[str]:
        """The roles that the bindings give a principal.

        Where no binding is about a claim, or about this very subject, they hang on the rest alone, and are remembered.
        """
        issuer, scopes, roles = principal.issuer, principal.scopes, principal.roles
        if (
            self._plain
            and principal.subject
            and len(scopes) + len(roles) <= MAX_NAMES
            and ("subject", issuer, principal.subject) not in self._by_key
        ):
            return self._kept(issuer, frozenset(scopes), frozenset(roles))
        return frozenset(binding.role for binding in self.holding(principal))

    def _roles_of_anyone(self, issuer: str, scopes: frozenset[str], roles: frozenset[str]) -> frozenset[str]:
        anyone = PrincipalData(subject="*", issuer=issuer, scopes=scopes, roles=roles)
        found = (binding for key in self._keys(anyone) for binding in self._by_key.get(key, ()))
        return frozenset(one.role for one in found if one.subject is None and one.holds(anyone))

    def _keys(self, principal: Principal) -> Iterator[Key]:
        yield "subject", principal.issuer, principal.subject
        yield "issuer", principal.issuer
        for scope in principal.scopes:
            yield "scope", scope
        for role in principal.roles:
            yield "role", role
        for path in self._claims:
            if path is not None:
                for value in set(claims.values(principal.claims, path)):
                    yield "claim", path, value
