"""Access decisions against a model so plain that it can be read: deny wins, inheritance, wildcards, precedence."""

import functools
import re
from itertools import pairwise, product

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from guarita.config.gateway_access import AccessSection, RoleSection, RouteSection
from guarita.errors import UsageError
from guarita.policy.access import compiled
from guarita.policy.access.interface import PrincipalData


def attempt(section):
    """A policy and no error, or the other way about."""
    try:
        return compiled(section), None
    except UsageError as error:
        return None, error


NAMES = [f"r{n}" for n in range(6)]
WORDS = ["docs", "users", "read", "x"]
PERMISSIONS = [f"{resource}:{action}" for resource, action in product(WORDS, WORDS)]
patterns = st.lists(
    st.one_of(
        st.sampled_from(PERMISSIONS),
        st.builds("{}:{}".format, st.sampled_from([*WORDS, "*"]), st.sampled_from([*WORDS, "*"])),
        st.just("*"),
    ),
    max_size=3,
)


@st.composite
def role_sections(draw):
    """Roles that inherit only from those before them in a shuffled order: any graph without a cycle."""
    order = draw(st.permutations(NAMES))
    return {
        name: RoleSection(
            inherits=draw(st.lists(st.sampled_from(order[:index]), unique=True, max_size=3)) if index else [],
            allow=draw(patterns),
            deny=draw(patterns),
        )
        for index, name in enumerate(order)
    }


def model_lineage(roles, names):
    found = set(names)
    while grown := {parent for name in found for parent in roles[name].inherits} - found:
        found |= grown
    return found


def model_matches(pattern, permission):
    if pattern == "*":
        return True
    return all(one in {"*", two} for one, two in zip(pattern.split(":"), permission.split(":"), strict=True))


def model_permits(roles, names, permission):
    lineage = model_lineage(roles, names)
    if any(model_matches(pattern, permission) for name in lineage for pattern in roles[name].deny):
        return False
    return any(model_matches(pattern, permission) for name in lineage for pattern in roles[name].allow)


@given(role_sections(), st.frozensets(st.sampled_from(NAMES)), st.sampled_from(PERMISSIONS))
def test_roles_decide_as_the_model_does(roles, held, permission):
    policy = compiled(AccessSection(roles=roles))
    assert policy.permits(held, permission) is model_permits(roles, held, permission)
    assert policy.permits(held, permission) is model_permits(roles, held, permission), "remembered otherwise"


@given(role_sections(), st.frozensets(st.sampled_from(NAMES)), st.sampled_from(PERMISSIONS))
def test_an_answer_names_the_role_and_the_pattern_that_made_it(roles, held, permission):
    table = compiled(AccessSection(roles=roles)).roles
    lineage = model_lineage(roles, held)
    for kind, found in (
        ("deny", table.denying(held, permission)),
        ("allow", table.allowing(held, permission)),
    ):
        able = {n for n in lineage if any(model_matches(p, permission) for p in getattr(roles[n], kind))}
        assert (found[0].name if found else None) in (able or {None})
        assert found is None or (
            found[1] in getattr(roles[found[0].name], kind) and model_matches(found[1], permission)
        )


@given(
    role_sections(),
    st.sampled_from(NAMES),
    st.frozensets(st.sampled_from(NAMES)),
    st.sampled_from(PERMISSIONS),
)
def test_a_further_role_never_undoes_a_deny(roles, further, held, permission):
    denies = any(
        model_matches(pattern, permission)
        for name in model_lineage(roles, held)
        for pattern in roles[name].deny
    )
    assume(denies)
    assert not compiled(AccessSection(roles=roles)).permits(held | {further}, permission)


@given(role_sections(), st.frozensets(st.sampled_from(NAMES)), st.sampled_from(PERMISSIONS))
def test_the_nearest_role_would_have_been_enough(roles, held, permission):
    policy = compiled(
        AccessSection(
            roles=roles, routes=[RouteSection(path="/a", methods=["GET"], permissions=[permission])]
        )
    )
    grant = policy._granted(held)
    decision = policy.decide(PrincipalData(subject="ana"), "GET", "/a", grant)
    assert decision.allowed is model_permits(roles, held, permission)
    if decision.code == "access.missing-permission" and decision.nearest.kind == "role":
        assert model_permits(roles, held | {decision.nearest.role}, permission)
    if decision.code == "access.missing-permission" and decision.nearest.kind == "permission":
        assert not any(model_permits(roles, held | {name}, permission) for name in NAMES)


@given(st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=3), min_size=1))
def test_cycles_and_only_cycles_are_refused_with_their_path(graph):
    whole = {name: graph.get(name, []) for name in NAMES}
    section = AccessSection(roles={name: RoleSection(inherits=parents) for name, parents in whole.items()})
    reach = {name: set(parents) for name, parents in whole.items()}
    for _ in NAMES:
        for name in NAMES:
            reach[name] |= {far for near in reach[name] for far in reach[near]}
    cyclic = {name for name in NAMES if name in reach[name]}
    _, error = attempt(section)
    assert (error is not None) == bool(cyclic)
    if error is not None:
        path = re.findall(r"r\d", error.message.split("itself: ")[1])
        assert error.code == "access.cycle"
        assert path[0] == path[-1]
        assert len(path) > 1
        assert all(after in whole[before] for before, after in pairwise(path))


# Routes

METHODS = ["GET", "HEAD", "POST", "OPTIONS"]


@st.composite
def paths(draw):
    parts = draw(st.lists(st.sampled_from(["a", "b", "{}"]), max_size=3))
    parts = [f"{{p{index}}}" if part == "{}" else part for index, part in enumerate(parts)]
    return (
        "/" + "/".join([*parts, *draw(st.sampled_from([[], [""], ["{rest...}"]]))])
        if parts
        else draw(st.sampled_from(["/", "/{rest...}"]))
    )


rules = st.lists(
    st.tuples(
        paths(), st.one_of(st.just(("*",)), st.lists(st.sampled_from(METHODS), min_size=1, unique=True))
    ),
    max_size=6,
)
REQUESTS = [
    "/" + "/".join(parts) + slash
    for length in range(5)  # one segment more than any template, so that what takes the rest shows
    for parts in product(*[["a", "b", "c"]] * min(length, 3), *[["c"]] * (length - 3))
    for slash in ("", "/")
    if length or not slash
]


@functools.cache
def model_regex(path):
    parts = []
    for part in path[1:].split("/"):
        if part.endswith("...}"):
            return re.compile("/" + "/".join([*parts, ".*"]))
        parts.append("[^/]+" if part.startswith("{") else re.escape(part))
    return re.compile("/" + "/".join(parts))


def model_takes(methods, method):
    return method in methods or "*" in methods or (method == "HEAD" and "GET" in methods)


@functools.cache
def matched_by(path):
    return frozenset(request for request in REQUESTS if model_regex(path).fullmatch(request))


@settings(max_examples=200, deadline=None)
@given(rules, st.randoms(use_true_random=False))
def test_the_most_specific_rule_decides_whatever_the_order(chosen, random):
    def sections(these):
        return [RouteSection(path=path, methods=list(methods), public=True) for path, methods in these]

    shuffled = list(chosen)
    random.shuffle(shuffled)
    policy, error = attempt(AccessSection(routes=sections(chosen)))
    again, other_error = attempt(AccessSection(routes=sections(shuffled)))
    assert (error and error.code) == (other_error and other_error.code)
    if policy is None or again is None:
        assert error.code == "access.ambiguous"
        return
    for request, method in product(REQUESTS, METHODS):
        able = [
            (path, methods)
            for path, methods in chosen
            if model_takes(methods, method) and model_regex(path).fullmatch(request)
        ]
        found = policy.routes.find(method, request)
        same = again.routes.find(method, request)
        assert (found and found.text) == (same and same.text)
        assert (found is None) == (not able)
        if found is not None:
            # No rule that matches is narrower than the one that decides, nor equal and nearer by its method.
            mine = matched_by(found.template.text)
            assert all(mine <= matched_by(path) for path, _ in able)
            nearer = {"HEAD": ["HEAD", "GET", "*"]}.get(method, [method, "*"])
            equal = [methods for path, methods in able if matched_by(path) == mine]
            assert min(map(nearer.index, set(nearer) & set(found.methods))) == min(
                nearer.index(one) for methods in equal for one in set(nearer) & set(methods)
            )


@settings(deadline=None)
@given(rules)
def test_what_is_refused_as_ambiguous_is_ambiguous(chosen):
    sections = [RouteSection(path=path, methods=list(methods), public=True) for path, methods in chosen]
    _, error = attempt(AccessSection(routes=sections))
    if error is None:
        return
    assert error.code == "access.ambiguous"

    def contend(one, two):
        first, second = matched_by(one[0]), matched_by(two[0])
        if first == second:
            return bool(set(one[1]) & set(two[1]))
        return bool(first & second) and not first <= second and not second <= first

    assert any(contend(one, two) for index, one in enumerate(chosen) for two in chosen[:index])


def test_a_thousand_roles_in_a_chain_and_in_a_star():
    chain = {
        f"c{n:04}": RoleSection(inherits=[f"c{n - 1:04}"] if n else [], allow=[f"x{n}:read"])
        for n in range(1000)
    }
    chain["c0500"] = RoleSection(inherits=["c0499"], allow=["y:read"], deny=["x3:read"])
    star = {f"s{n}": RoleSection(inherits=["c0010"]) for n in range(1000)}
    policy = compiled(AccessSection(roles={**chain, **star}))
    assert policy.permits(frozenset({"c0999"}), "x0:read")
    assert not policy.permits(frozenset({"c0999"}), "x3:read")
    assert policy.permits(frozenset({"c0499"}), "x3:read")
    assert not policy.permits(frozenset({"c0499"}), "y:read")
    assert policy.permits(frozenset({"s999"}), "x3:read")
    assert not policy.permits(frozenset({"s999", "c0501"}), "x3:read")
    assert not policy.permits(frozenset({"s999", "gone"}), "x2:read"), (
        "a role that is not there might have denied"
    )
