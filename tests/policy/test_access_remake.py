"""Decisions made again from what a ledger keeps of them: whatever is said is true, and what is not known is said so."""

from itertools import product

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from guarita.config.gateway_access import (
    AccessSection,
    BindingSection,
    ClaimCondition,
    OwnerCondition,
    RoleSection,
    RouteSection,
)
from guarita.errors import UsageError
from guarita.policy.access import Kept, PrincipalData, compiled, made, remake

ROLES = ["reader", "editor", "auditor"]
PERMISSIONS = ["docs:read", "docs:write", "users:read"]
ISSUERS = ["https://a.example", "https://b.example"]
SCOPES = ["one", "two"]
SUBJECTS = ["ana", "eva"]
PATHS = ["/docs/{id}", "/docs/special", "/docs/{rest...}", "/users/{name}", "/users/ana"]
CLAIMS = [{}, {"team": "x"}, {"team": "y"}]


def maybe(strategy):
    return st.none() | strategy


@st.composite
def bindings(draw):
    issuer = draw(maybe(st.sampled_from(ISSUERS)))
    subject = draw(maybe(st.sampled_from(SUBJECTS))) if issuer else None
    scope = draw(maybe(st.sampled_from(SCOPES)))
    claim = draw(maybe(st.builds(ClaimCondition, path=st.just("team"), value=st.sampled_from(["x", "y"]))))
    named = draw(maybe(st.sampled_from(["staff", "user-12345678900"])))
    assume(any((issuer, scope, claim, named)))
    return BindingSection(
        role=draw(st.sampled_from(ROLES)),
        issuer=issuer,
        subject=subject,
        scope=scope,
        claim=claim,
        credential_role=named,
    )


@st.composite
def routes(draw):
    found = []
    for path in draw(st.lists(st.sampled_from(PATHS), unique=True, max_size=5)):
        kind = draw(st.sampled_from(["permissions", "permissions", "authenticated", "public"]))
        owner = draw(st.booleans()) and kind != "public" and path == "/users/{name}"
        owners = (
            [OwnerCondition(parameter="name", unless=draw(maybe(st.sampled_from(PERMISSIONS))))]
            if owner
            else []
        )
        asked = (
            {"permissions": [draw(st.sampled_from(PERMISSIONS))]} if kind == "permissions" else {kind: True}
        )
        methods = draw(st.sampled_from([["GET"], ["GET", "PUT"], ["*"]]))
        found.append(RouteSection(path=path, methods=methods, owner=owners, **asked))
    return found


@st.composite
def policies(draw):
    section = AccessSection(
        roles={
            name: RoleSection(
                allow=draw(st.lists(st.sampled_from(PERMISSIONS), max_size=3)),
                deny=draw(st.lists(st.sampled_from(PERMISSIONS), max_size=1)),
            )
            for name in ROLES
        },
        bindings=draw(st.lists(bindings(), max_size=5)),
        routes=draw(routes()),
    )
    try:
        return compiled(section)
    except UsageError:
        assume(False)


principals = st.none() | st.builds(
    PrincipalData,
    subject=st.sampled_from(SUBJECTS),
    issuer=st.sampled_from(ISSUERS),
    scopes=st.frozensets(st.sampled_from(SCOPES)),
    roles=st.frozensets(st.sampled_from(["staff", "user-12345678900"])),
    claims=st.sampled_from(CLAIMS),
)
requests = st.tuples(
    st.sampled_from(["GET", "HEAD", "PUT"]),
    st.sampled_from(["/docs/1", "/docs/special", "/docs/a/b", "/users/ana", "/users/eva", "/elsewhere"]),
)


def decided(policy, principal, method, path):
    """As the gateway does: a public route asks nobody who he is."""
    first = policy.decide(None, method, path)
    return (
        (first, None)
        if first.public or principal is None
        else (policy.decide(principal, method, path), principal)
    )


def kept(policy, principal, method, path, *, sealed=True):
    """What the ledger keeps, with what is sealed in it readable or not."""
    decision, known = decided(policy, principal, method, path)
    roles = policy.grant(known).roles if known else frozenset()
    one = made(policy.digest, method, rule=decision.rule, code=decision.code, principal=known, roles=roles)
    return Kept(made=one) if sealed else Kept(made=one, path=path, subject=known.subject if known else None)


@given(policies(), policies(), principals, requests, st.booleans())
def test_what_is_said_of_a_candidate_is_what_it_decides(old, new, principal, request, sealed):
    record = kept(old, principal, *request, sealed=sealed)
    (answer,) = remake(old, new, [record])
    event(answer.outcome)
    before, after = decided(old, principal, *request)[0], decided(new, principal, *request)[0]
    if answer.outcome == "same":
        assert after.allowed == before.allowed
    elif answer.outcome != "unknown":
        assert (before.allowed, after.allowed) == (
            (False, True) if answer.outcome == "opened" else (True, False)
        )
        assert answer.after.allowed == after.allowed


@given(policies(), policies(), policies(), principals, requests)
def test_a_record_of_a_policy_that_is_gone_is_not_reasoned_from(then, old, new, principal, request):
    (answer,) = remake(old, new, [kept(then, principal, *request)])
    before, after = decided(then, principal, *request)[0], decided(new, principal, *request)[0]
    if answer.outcome != "unknown":
        assert (answer.outcome == "same") == (before.allowed == after.allowed)


@given(policies(), principals, requests, st.booleans())
def test_the_same_policy_flips_nothing(policy, principal, request, sealed):
    (answer,) = remake(policy, policy, [kept(policy, principal, *request, sealed=sealed)])
    assert answer.outcome in {"same", "unknown"}


def policy(routes, bindings, **roles):
    return compiled(
        AccessSection(
            roles={name: RoleSection(**said) for name, said in roles.items()},
            bindings=[BindingSection(**one) for one in bindings],
            routes=[RouteSection(**one) for one in routes],
        )
    )


READ = {"path": "/docs/{id}", "methods": ["GET"], "permissions": ["docs:read"]}
TEAM = {"role": "reader", "claim": ClaimCondition(path="team", value="x")}
READER = {"reader": {"allow": ["docs:read"]}}
ANA = PrincipalData(subject="ana", issuer=ISSUERS[0], scopes=frozenset({"one"}), claims={"team": "x"})


def outcome(old, new, principal=ANA, request=("GET", "/docs/1"), **options):
    (answer,) = remake(old, new, [kept(old, principal, *request, **options)])
    return answer.outcome


def test_a_role_that_a_claim_gave_is_known_where_the_candidate_has_its_binding():
    old = policy([READ], [TEAM], **READER)
    assert outcome(old, policy([READ], [TEAM, {"role": "reader", "scope": "two"}], **READER)) == "same"
    assert (
        outcome(old, policy([READ], [TEAM], reader={"allow": ["docs:read"], "deny": ["docs:*"]})) == "closed"
    )
    other = {"role": "reader", "claim": ClaimCondition(path="team", value="y")}
    assert outcome(old, policy([READ], [other], **READER)) == "unknown"
    assert outcome(old, policy([READ], [{"role": "reader", "scope": "one"}], **READER)) == "same"
    assert outcome(old, policy([READ], [{"role": "reader", "scope": "two"}], **READER)) == "closed"


def test_a_binding_that_did_not_hold_does_not_for_another_role():
    old = policy([READ], [{**TEAM, "role": "reader"}], **READER)
    eva = PrincipalData(subject="eva", issuer=ISSUERS[0])
    assert outcome(old, old, eva) == "same"
    opened = policy([{**READ, "permissions": None, "authenticated": True}], [TEAM], **READER)
    assert outcome(old, opened, eva) == "opened"


def test_a_route_that_is_split_is_known_where_both_halves_decide_alike():
    old = policy([READ], [TEAM], **READER)
    special = {"path": "/docs/special", "methods": ["GET"], "permissions": ["docs:read"]}
    assert outcome(old, policy([READ, special], [TEAM], **READER)) == "same"
    closed = {**special, "permissions": ["docs:admin"]}
    assert outcome(old, policy([READ, closed], [TEAM], **READER)) == "unknown"
    assert outcome(old, policy([READ, closed], [TEAM], **READER), sealed=False) == "same"
    split = policy([READ, special], [TEAM], **READER)
    assert outcome(split, policy([READ, closed], [TEAM], **READER)) == "same", (
        "it was not about /docs/special"
    )


def test_ownership_is_taken_over_where_it_is_the_same():
    mine = {"path": "/users/{name}", "methods": ["GET"], "authenticated": True}
    owner = OwnerCondition(parameter="name")
    old = policy([{**mine, "owner": [owner]}], [], **READER)
    for path, said in (("/users/ana", "same"), ("/users/eva", "same")):
        assert outcome(old, old, request=("GET", path)) == said
    assert outcome(old, policy([mine], [], **READER), request=("GET", "/users/eva")) == "opened"
    claim = OwnerCondition(parameter="name", claim="login")
    assert (
        outcome(old, policy([{**mine, "owner": [claim]}], [], **READER), request=("GET", "/users/ana"))
        == "unknown"
    )
    assert outcome(policy([mine], [], **READER), old, request=("GET", "/users/eva"), sealed=False) == "closed"


def test_whoever_came_by_a_public_route_was_not_looked_at():
    public = policy([{**READ, "permissions": None, "public": True}], [], **READER)
    assert outcome(public, policy([READ], [TEAM], **READER)) == "unknown"
    assert outcome(public, public) == "same"
    assert outcome(public, policy([], [], **READER)) == "closed"


def test_a_path_that_no_rule_covered_stays_refused_unless_the_candidate_covers_more():
    old = policy([READ], [TEAM], **READER)
    assert outcome(old, old, request=("GET", "/elsewhere")) == "same"
    more = policy([READ, {"path": "/elsewhere", "methods": ["GET"], "authenticated": True}], [TEAM], **READER)
    assert outcome(old, more, request=("GET", "/elsewhere")) == "unknown"
    assert outcome(old, more, request=("GET", "/elsewhere"), sealed=False) == "opened"
    assert outcome(old, more, request=("PUT", "/elsewhere")) == "same"


@pytest.mark.parametrize("name", ["ana@example.com", "cpf-52998224725", "x" * 65, "joão"])
def test_a_scope_that_may_tell_of_a_person_is_left_out_and_said_to_be(name):
    principal = PrincipalData(subject="ana", scopes=frozenset({"one", name}))
    one = made("digest", "GET", rule="GET /", code="access.granted", principal=principal)
    assert one.scopes == {"one"}
    assert not one.whole


def test_many_scopes_are_cut():
    principal = PrincipalData(
        subject="ana", scopes=frozenset(f"s{a}{b}" for a, b in product("abcdefgh", repeat=2))
    )
    one = made("digest", "GET", rule="GET /", code="access.granted", principal=principal)
    assert len(one.scopes) == 32
    assert not one.whole
