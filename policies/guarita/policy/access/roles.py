"""Roles: who inherits from whom, and for each permission the roles that allow and deny it, as two bit masks.

A role is a bit. A pattern's mask holds the roles that name it and all that inherit from them, so what a set of roles
may do is two conjunctions, whatever the depth of the inheritance and the number of roles.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from guarita.policy.access.interface import Place

MEMO = 8_192
"""Permissions whose masks are remembered."""


@dataclass(frozen=True, slots=True, eq=False)
class Role:
    """A role as it is written."""

    name: str
    place: Place
    inherits: tuple[str, ...]
    allow: Mapping[str, Place]
    """Patterns, and where each stands."""
    deny: Mapping[str, Place]


class CycleError(ValueError):
    """Roles that inherit from themselves."""

    def __init__(self, path: tuple[str, ...]) -> None:
        super().__init__(" → ".join(path))
        self.path = path


class RoleTable:
    """All roles of a policy, compiled."""

    __slots__ = ("_allow", "_bits", "_deny", "_heirs", "masks", "roles")

    def __init__(self, roles: Iterable[Role]) -> None:
        """Compile roles, each of which inherits from roles that are there.

        Raises CycleError.
        """
        self.roles: Mapping[str, Role] = MappingProxyType({role.name: role for role in roles})
        # By name, so that equal policies number their roles alike in whatever order they are written.
        self._bits = {name: 1 << index for index, name in enumerate(sorted(self.roles))}
        self._heirs = self._all_heirs()
        self._allow = _pattern_masks((role.allow, self._heirs[role.name]) for role in self.roles.values())
        self._deny = _pattern_masks((role.deny, self._heirs[role.name]) for role in self.roles.values())
        self.masks = functools.lru_cache(maxsize=MEMO)(self._masks)
        """Of a permission: the roles that allow it, the roles that deny it."""

    def bits(self, names: Iterable[str]) -> int | None:
        """The mask of some roles; None where one of them is not there."""
        mask = 0
        for name in names:
            bit = self._bits.get(name)
            if bit is None:
                return None
            mask |= bit
        return mask

    def named(self, mask: int) -> list[str]:
        """The roles of a mask, by name."""
        return [name for name, bit in self._bits.items() if bit & mask]

    def heirs(self, name: str) -> int:
        """How many roles have all that a role has, itself among them: the more, the less it is."""
        return self._heirs[name].bit_count()

    def breadth(self, name: str, permission: str) -> int:
        """How widely a role allows a permission: 0 by its own name, more by wildcards, most by `*`."""
        bit = self._bits[name]
        found = [index for index, one in enumerate(patterns_for(permission)) if bit & self._allow.get(one, 0)]
        return max(found, default=0)

    def lineage(self, names: Iterable[str]) -> list[Role]:
        """Roles and all that they inherit from, nearest first, each once."""
        found: dict[str, Role] = {}
        waiting = sorted(names)
        while waiting:
            following: list[str] = []
            for name in waiting:
                if name not in found and name in self.roles:
                    found[name] = self.roles[name]
                    following.extend(self.roles[name].inherits)
            waiting = following
        return list(found.values())

    def allowing(self, names: Iterable[str], permission: str) -> tuple[Role, str] | None:
        """The nearest role that allows a permission, and its pattern."""
        return _first(((role, role.allow) for role in self.lineage(names)), permission)

    def denying(self, names: Iterable[str], permission: str) -> tuple[Role, str] | None:
        """The nearest role that denies a permission, and its pattern."""
        return _first(((role, role.deny) for role in self.lineage(names)), permission)

    def _masks(self, permission: str) -> tuple[int, int]:
        allow = deny = 0
        for pattern in patterns_for(permission):
            allow |= self._allow.get(pattern, 0)
            deny |= self._deny.get(pattern, 0)
        return allow, deny

    def _all_heirs(self) -> dict[str, int]:
        heirs = dict(self._bits)
        for name in reversed(self._parents_first()):
            for parent in self.roles[name].inherits:
                heirs[parent] |= heirs[name]
        return heirs

    def _parents_first(self) -> list[str]:
        done: dict[str, None] = {}
        for start in self.roles:
            path: list[str] = []
            on_path: set[str] = set()
            stack: list[tuple[str, bool]] = [(start, False)]
            while stack:
                name, left = stack.pop()
                if left:
                    done[name] = None
                    on_path.remove(path.pop())
                elif name in on_path:
                    raise CycleError((*path[path.index(name) :], name))
                elif name not in done:
                    path.append(name)
                    on_path.add(name)
                    stack.append((name, True))
                    stack.extend((parent, False) for parent in self.roles[name].inherits)
        return list(done)


def patterns_for(permission: str) -> tuple[str, ...]:
    """Every pattern that covers a permission, the narrowest first."""
    resource, _, action = permission.partition(":")
    return permission, f"{resource}:*", f"*:{action}", "*:*", "*"


def _pattern_masks(named: Iterable[tuple[Mapping[str, Place], int]]) -> dict[str, int]:
    masks: dict[str, int] = {}
    for patterns, mask in named:
        for pattern in patterns:
            masks[pattern] = masks.get(pattern, 0) | mask
    return masks


def _first(named: Iterable[tuple[Role, Mapping[str, Place]]], permission: str) -> tuple[Role, str] | None:
    covering = patterns_for(permission)
    for role, patterns in named:
        for pattern in covering:
            if pattern in patterns:
                return role, pattern
    return None
