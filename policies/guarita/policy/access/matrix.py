"""The role by route matrix, what in a policy does nothing, and which endpoints no rule covers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from guarita.policy.access import templates
from guarita.policy.access.interface import Place
from guarita.policy.access.policy import AccessPolicy
from guarita.policy.access.routes import Rule

Cell = Literal["public", "any", "yes", "owner", "denied", "no"]
"""`any`: every good credential; `owner`: where the ownership conditions hold."""


class Row(msgspec.Struct, frozen=True):
    """What each role may do by one rule."""

    rule: str
    place: Place
    permissions: tuple[str, ...]
    cells: dict[str, Cell]


class Endpoint(msgspec.Struct, frozen=True):
    """Something that an application answers: a method (`*` for all), and its path as the application writes it."""

    method: str
    path: str


def matrix(policy: AccessPolicy) -> tuple[Row, ...]:
    """What a principal with one role and no other may do, rule by rule in the order of the file."""
    return tuple(
        Row(
            rule.text,
            rule.place,
            rule.permissions,
            {name: _cell(policy, rule, name) for name in policy.roles.roles},
        )
        for rule in policy.routes.rules
    )


def _cell(policy: AccessPolicy, rule: Rule, role: str) -> Cell:
    if rule.public:
        return "public"
    bit = policy.roles.bits((role,)) or 0
    masks = [policy.roles.masks(permission) for permission in rule.permissions]
    if any(bit & deny for _, deny in masks):
        return "denied"
    if any(not bit & allow for allow, _ in masks):
        return "no"
    unless = [owner.unless for owner in rule.owners]
    if any(other is None or not policy.permits(frozenset((role,)), other) for other in unless):
        return "owner"
    return "yes" if rule.permissions else "any"


def idle(policy: AccessPolicy) -> tuple[str, ...]:
    """What does nothing, in sentences: permissions that no role gives, and roles that nobody can have."""
    asked: dict[str, Rule] = {}
    for rule in policy.routes.rules:
        for permission in rule.permissions:
            asked.setdefault(permission, rule)
    notes = [
        f"no role gives {permission}, which {rule.text} ({rule.place}) asks for"
        for permission, rule in asked.items()
        if not policy.roles.masks(permission)[0] & ~policy.roles.masks(permission)[1]
    ]
    had = {role.name for role in policy.roles.lineage(policy.bindings.by_role)}
    notes += [
        f"nobody can have the role {role.name} ({role.place}): no binding leads to it"
        for role in policy.roles.roles.values()
        if role.name not in had
    ]
    return tuple(notes)


def uncovered(policy: AccessPolicy, endpoints: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    """The endpoints of which some path is refused to everybody, since no one rule covers them all."""
    return tuple(
        endpoint
        for endpoint in endpoints
        if not policy.routes.covers(endpoint.method, _widened(endpoint.path))
    )


def _widened(path: str) -> templates.Template:
    """An application's path as a template of all that it may match: `{id:int}` as `{id}`, `{p:path}` as the rest."""
    segments: list[str | None] = []
    for segment in path.removeprefix("/").split("/"):
        if ":path}" in segment or segment.endswith("...}"):
            return templates.Template(path, tuple(segments), rest=True, parameters=())
        segments.append(None if "{" in segment else segment)
    return templates.Template(path, tuple(segments), rest=False, parameters=())
