"""Access decisions against pycasbin and cedarpy, in one process on one policy, at 10, 100 and 1,000 roles.

The same roles, inheritance (five deep), wildcards and denies are given to all three, and all three must answer every
question alike before any is timed. Neither peer keeps answers, so ours is timed both ways: a decision that was made
before, and one that never was. cedarpy is given handles of policies and entities that were parsed beforehand, which
is its fastest way.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import casbin
import cedarpy
from harness import Bench

from guarita.config.gateway_access import AccessSection, BindingSection, RoleSection, RouteSection
from guarita.policy.access import AccessPolicy, PrincipalData, compiled

SEEN_BAR = 1.0
"""Microseconds of a decision that was made before."""
DEPTH = 5
CASBIN = """
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act, eft
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = g(r.sub, p.sub) && (p.obj == "*" || r.obj == p.obj) && (p.act == "*" || r.act == p.act)
"""
Question = tuple[str, str]


def section(count: int) -> AccessSection:
    """A policy of so many roles."""
    roles = {}
    for index in range(count):
        deny = [f"res{index - 1}:write"] if index % 7 == 6 else []
        wide = [f"area{index}:*"] if index % 3 == 0 else []
        roles[f"role{index}"] = RoleSection(
            inherits=[f"role{index - 1}"] if index % DEPTH else [],
            allow=[f"res{index}:read", f"res{index}:write", *wide],
            deny=deny,
        )
    return AccessSection(
        roles=roles,
        bindings=[BindingSection(role=name, scope=f"scope-{name}") for name in roles],
        routes=[
            RouteSection(path=f"/res{index}/{{id}}", methods=["GET"], permissions=[f"res{index}:read"])
            for index in range(count)
        ],
    )


def held(count: int) -> frozenset[str]:
    """The roles that the principal has."""
    return frozenset(f"role{index}" for index in (count - 1, count // 2, 3))


def questions(count: int) -> list[Question]:
    """What is asked: some of it allowed, some denied, some missing."""
    near = {index for role in (count - 1, count // 2, 3) for index in range(max(role - 5, 0), role + 1)}
    chosen = sorted({*near, *range(0, count, max(count // 20, 1))})
    asked = [(f"res{index}", action) for index in chosen for action in ("read", "write")]
    return asked + [(f"area{index}", "list") for index in chosen]


def casbin_asks(access: AccessSection, roles: frozenset[str]) -> Callable[[Question], bool]:
    """pycasbin's answer."""
    model = casbin.Model()
    model.load_model_from_text(CASBIN)
    enforcer = casbin.Enforcer(model)
    for name, role in access.roles.items():
        for effect, patterns in (("allow", role.allow), ("deny", role.deny)):
            for pattern in patterns:
                enforcer.add_policy(name, *pattern.split(":"), effect)
        for parent in role.inherits:
            enforcer.add_grouping_policy(name, parent)
    for name in roles:
        enforcer.add_grouping_policy("ana", name)
    return lambda question: enforcer.enforce("ana", *question)


def cedar_asks(access: AccessSection, roles: frozenset[str]) -> Callable[[Question], bool]:
    """cedarpy's answer: `in` follows roles as parents."""
    text = []
    entities = [_entity("User", "ana", [("Role", name) for name in roles])]
    for name, role in access.roles.items():
        entities.append(_entity("Role", name, [("Role", parent) for parent in role.inherits]))
        for effect, patterns in (("permit", role.allow), ("forbid", role.deny)):
            for pattern in patterns:
                resource, action = pattern.split(":")
                asked = "action" if action == "*" else f'action == Action::"{action}"'
                text.append(f'{effect}(principal in Role::"{name}", {asked}, resource == Res::"{resource}");')
    policies = cedarpy.PolicySet.from_str("\n".join(text))
    known = cedarpy.Entities.from_json_str(json.dumps(entities))

    def ask(question: Question) -> bool:
        resource, action = question
        request = {
            "principal": {"type": "User", "id": "ana"},
            "action": {"type": "Action", "id": action},
            "resource": {"type": "Res", "id": resource},
            "context": {},
        }
        return cedarpy.is_authorized(request, policies, known).allowed

    return ask


def _entity(kind: str, name: str, parents: Sequence[tuple[str, str]]) -> dict[str, object]:
    return {
        "uid": {"type": kind, "id": name},
        "attrs": {},
        "parents": [{"type": other, "id": parent} for other, parent in parents],
    }


def microseconds(function: Callable[[], object], decisions: int, repeat: int) -> float:
    """The median time of one decision."""
    took = []
    for _ in range(repeat):
        started = time.perf_counter_ns()
        function()
        took.append((time.perf_counter_ns() - started) / 1000 / decisions)
    return statistics.median(took)


def each(function: Callable[..., object], arguments: Sequence[tuple[object, ...]]) -> Callable[[], None]:
    """Call it with each of the arguments."""

    def run() -> None:
        for one in arguments:
            function(*one)

    return run


def ours(bench: Bench, count: int, access: AccessSection, asked: list[Question], repeat: int) -> AccessPolicy:
    """Time our own decisions."""
    started = time.perf_counter()
    policy = compiled(access)
    bench.add(f"{count} roles: compile the policy", (time.perf_counter() - started) * 1000, "ms")
    roles = held(count)
    principal = PrincipalData(subject="ana", scopes=frozenset(f"scope-{name}" for name in roles))
    grant = policy.grant(principal)
    permissions = [(roles, f"{resource}:{action}") for resource, action in asked]
    requests = [(principal, "GET", f"/{resource}/42", grant) for resource, _ in asked]
    paths = list(dict.fromkeys(path for _, _, path, _ in requests))
    firsts, firsts_of_roles = [], []
    for _ in range(repeat):
        fresh = compiled(access)
        fresh_grant = fresh.grant(principal)
        new = [(principal, "GET", path, fresh_grant) for path in paths]
        firsts.append(microseconds(each(fresh.decide, new), len(new), 1))
        firsts_of_roles.append(microseconds(each(fresh.permits, permissions), len(permissions), 1))
    bench.add(f"{count} roles: a new (roles, permission)", statistics.median(firsts_of_roles), "us")
    bench.add(f"{count} roles: a new (principal, request)", statistics.median(firsts), "us")
    loops = 2000 // len(asked) + 1
    permits = each(policy.permits, permissions * loops)
    bench.add(
        f"{count} roles: (roles, permission) seen before",
        microseconds(permits, len(permissions) * loops, repeat),
        "us",
        at_most=SEEN_BAR,
    )
    decide = each(policy.decide, requests * loops)
    bench.add(
        f"{count} roles: (principal, request) seen before",
        microseconds(decide, len(requests) * loops, repeat),
        "us",
        at_most=SEEN_BAR,
    )
    bound = each(policy.grant, [(principal,)] * 500)
    bench.add(
        f"{count} roles: bindings of a principal, once a credential", microseconds(bound, 500, repeat), "us"
    )
    return policy


def measure(bench: Bench, count: int) -> None:
    """Ours and the peers at so many roles."""
    repeat = 7 if bench.quick else 25
    access, roles, asked = section(count), held(count), questions(count)
    policy = ours(bench, count, access, asked, repeat)
    peers = {"cedarpy": cedar_asks(access, roles), "pycasbin": casbin_asks(access, roles)}
    few = asked[:: max(len(asked) // (8 if bench.quick else 24), 1)]
    right = {one: policy.permits(roles, ":".join(one)) for one in asked}
    if len(set(right.values())) == 1:
        sys.exit("every question has one answer: nothing would be compared")
    for name, ask in peers.items():
        for one in asked if name == "cedarpy" else few:
            if ask(one) != right[one]:
                sys.exit(f"{name} says otherwise of {one} at {count} roles")
        took = microseconds(each(ask, [(one,) for one in few]), len(few), 3)
        bench.add(f"{count} roles: {name}", took, "us")
        for kind in ("a new (roles, permission)", "(roles, permission) seen before"):
            mine = next(one.value for one in bench.results if one.name == f"{count} roles: {kind}")
            bench.add(f"{count} roles: {name} / {kind}", took / mine, "ratio")


def main() -> int:
    """Run it."""
    bench = Bench.started("access decisions against pycasbin and cedarpy")
    for count in (10, 100, 1000):
        measure(bench, count)
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())
