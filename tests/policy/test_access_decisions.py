"""Access decisions one by one: who is bound, who owns, what is refused and what would have been enough."""

import dataclasses
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guarita.errors import UsageError
from guarita.policy.access import CODES, PrincipalData, Recorded, diff, explain, matrix, parse, uncovered
from guarita.policy.access.matrix import Endpoint, idle

POLICY = """\
gateway:
  access:
    roles:
      reader: {allow: [docs:read]}
      editor: {inherits: [reader], allow: ["docs:*"], deny: [docs:purge]}
      contractor: {deny: ["*:write"]}
      support: {allow: [users:read]}
      admin: {allow: ["*"]}
    bindings:
    - {role: reader, scope: docs.read}
    - {role: editor, issuer: https://id.example.com, claim: {path: realm_access.roles, value: editor}}
    - {role: contractor, credential_role: contractor}
    - {role: admin, issuer: https://id.example.com, subject: root}
    - {role: support, claim: {path: [https://example.com/level], value: 2}}
    - {role: reader, issuer: https://partner.example}
    routes:
    - {path: /health, methods: [GET], public: true}
    - {path: "/docs/{id}", methods: [GET], permissions: [docs:read]}
    - {path: "/docs/{id}", methods: [PUT], permissions: [docs:write], privileged: true}
    - {path: "/docs/{id}", methods: [DELETE], permissions: [docs:write, docs:purge]}
    - {path: "/users/{id}/docs", methods: [GET], permissions: [docs:read], owner: [{parameter: id, unless: users:read}]}
    - path: /tenants/{tenant}/users/{id}
      methods: [GET]
      authenticated: true
      owner: [{parameter: tenant, claim: tenants, issuer: https://id.example.com}, {parameter: id}]
    - {path: /me, methods: ["*"], authenticated: true}
    - {path: "/static/{rest...}", methods: [GET], public: true}
    - {path: /static/secret, methods: [GET], permissions: [secrets:read]}
"""
HOME = "https://id.example.com"


def compiled(text=POLICY, **options):
    return parse(text.encode(), "g.yaml", **options)


@pytest.fixture(scope="module")
def policy():
    return compiled()


def who(subject="ana", **more):
    sets = {name: frozenset(more.pop(name, ())) for name in ("scopes", "roles")}
    return PrincipalData(subject=subject, **sets, **more)


EDITOR = who(issuer=HOME, claims={"realm_access": {"roles": ["viewer", "editor"]}})


@pytest.mark.parametrize(
    ("principal", "request_", "code"),
    [
        (None, "GET /health", "access.public"),
        (None, "HEAD /health", "access.public"),
        (None, "POST /health", "access.no-rule"),
        (None, "OPTIONS /health", "access.no-rule"),
        (None, "OPTIONS /me", "access.unauthenticated"),
        (None, "GET /docs/1", "access.unauthenticated"),
        (PrincipalData(scopes=frozenset({"docs.read"})), "GET /docs/1", "access.unauthenticated"),
        (who(), "GET /docs/1", "access.missing-permission"),
        (who(scopes=["docs.read"]), "GET /docs/1", "access.granted"),
        (who(scopes=["docs.read"]), "HEAD /docs/1", "access.granted"),
        (who(scopes=["docs.read.all"]), "GET /docs/1", "access.missing-permission"),
        (who(scopes=["docs.read"]), "get /docs/1", "access.method"),
        (who(), "get /me", "access.method"),
        (who(), "GE\u0054 /me", "access.authenticated"),
        (who(), "G\u0395T /me", "access.method"),
        (who(), "PROPFIND /me", "access.authenticated"),
        (who(), "GET /me/", "access.no-rule"),
        (who(), "GET /Me", "access.no-rule"),
        (who(), "GET me", "access.no-rule"),
        (who(), "GET /docs/", "access.no-rule"),
        (who(), "GET /docs//", "access.no-rule"),
        (who(scopes=["docs.read"]), "PUT /docs/1", "access.missing-permission"),
        (EDITOR, "PUT /docs/1", "access.granted"),
        (EDITOR, "DELETE /docs/1", "access.denied"),
        (who(issuer="https://elsewhere.example", claims=EDITOR.claims), "PUT /docs/1", "access.missing-permission"),
        (who(issuer=HOME, claims={"realm_access": {"roles": "editor"}}), "PUT /docs/1", "access.granted"),
        (who(issuer=HOME, claims={"realm_access.roles": ["editor"]}), "PUT /docs/1", "access.missing-permission"),
        (who(issuer=HOME, claims={"realm_access": ["editor"]}), "PUT /docs/1", "access.missing-permission"),
        (who(issuer=HOME, claims={"realm_access": {"roles": {"editor": 1}}}), "PUT /docs/1", "access.missing-permission"),
        (who(roles=["editor", "admin"]), "PUT /docs/1", "access.missing-permission"),
        (msgspec.structs.replace(EDITOR, roles=frozenset({"contractor"})), "PUT /docs/1", "access.denied"),
        (who("root", issuer=HOME), "DELETE /docs/1", "access.granted"),
        (who("root", issuer=HOME, roles=["contractor"]), "DELETE /docs/1", "access.denied"),
        (who("root"), "DELETE /docs/1", "access.missing-permission"),
        (who("root", issuer="https://partner.example"), "DELETE /docs/1", "access.missing-permission"),
        (who(issuer="https://partner.example"), "GET /docs/1", "access.granted"),
        (who(scopes=["docs.read"]), "GET /users/ana/docs", "access.granted"),
        (who(scopes=["docs.read"]), "GET /users/Ana/docs", "access.not-owner"),
        (who(scopes=["docs.read"]), "GET /users/bob/docs", "access.not-owner"),
        (who(), "GET /users/ana/docs", "access.missing-permission"),
        (who(scopes=["docs.read"], claims={"https://example.com/level": 2}), "GET /users/bob/docs", "access.granted"),
        (who(scopes=["docs.read"], claims={"https://example.com/level": "2"}), "GET /users/bob/docs", "access.not-owner"),
        (who(scopes=["docs.read"], claims={"https://example.com/level": 2.0}), "GET /users/bob/docs", "access.not-owner"),
        (who(issuer=HOME, claims={"tenants": ["t1", 7]}), "GET /tenants/t1/users/ana", "access.authenticated"),
        (who(issuer=HOME, claims={"tenants": ["t1", 7]}), "GET /tenants/7/users/ana", "access.authenticated"),
        (who(issuer=HOME, claims={"tenants": [10**5000, "t1"]}), "GET /tenants/t1/users/ana", "access.authenticated"),
        (who(issuer=HOME, claims={"tenants": True}), "GET /tenants/True/users/ana", "access.not-owner"),
        (who(issuer=HOME, claims={"tenants": ["t1"]}), "GET /tenants/t2/users/ana", "access.not-owner"),
        (who(issuer=HOME, claims={"tenants": ["t1"]}), "GET /tenants/t1/users/bob", "access.not-owner"),
        (who(claims={"tenants": ["t1"]}), "GET /tenants/t1/users/ana", "access.not-owner"),
        (None, "GET /static/", "access.public"),
        (None, "GET /static/a/b", "access.public"),
        (None, "GET /static", "access.no-rule"),
        (None, "GET /static/../docs", "access.no-rule"),
        (None, "GET /static/a//b", "access.no-rule"),
        (None, "GET /static/secret", "access.unauthenticated"),
        (None, "GET /static/secret/", "access.public"),
        (None, "GET /static/" + "a" * 5000, "access.public"),
    ],
)  # fmt: skip
def test_a_request_is_decided(policy, principal, request_, code):
    method, path = request_.split(" ")
    decision = policy.decide(principal, method, path)
    assert decision.code == code, decision
    assert code in CODES
    assert decision.allowed is (code in {"access.public", "access.authenticated", "access.granted"})
    assert policy.decide(principal, method, path) == decision, "decided otherwise when it was remembered"
    if principal is not None:
        assert policy.decide(principal, method, path, policy.grant(principal)) == decision
        assert explain(policy, principal, method, path).decision == decision
    if not decision.allowed and code not in {"access.no-rule", "access.unauthenticated"}:
        assert decision.nearest is not None
    json.loads(msgspec.json.encode(decision))


def test_a_decision_names_its_rule_and_whether_it_is_recorded_by_itself(policy):
    decision = policy.decide(EDITOR, "PUT", "/docs/1")
    assert (decision.rule, str(decision.place), decision.privileged) == ("PUT /docs/{id}", "g.yaml:19", True)
    assert not policy.decide(EDITOR, "GET", "/docs/1").privileged
    assert policy.decide(None, "GET", "/health").public


@pytest.mark.parametrize(
    ("principal", "request_", "miss", "words"),
    [
        (who(), "GET /docs/1", ("role", "g.yaml:4"), "reader, which allows docs:read: see the bindings at g.yaml:10, g.yaml:15"),
        (who(), "PUT /docs/1", ("role", "g.yaml:5"), "editor, which allows docs:write"),
        (EDITOR, "DELETE /docs/1", ("deny", "g.yaml:5"), "without the role editor, which denies docs:purge"),
        (who(), "GET /static/secret", ("role", "g.yaml:8"), "admin"),
        (who(), "GET /docs/1/", ("rule", "g.yaml:18"), "the slash at the end counts"),
        (who(), "PATCH /docs/1", ("rule", "g.yaml:18"), "has rules for DELETE, GET, PUT"),
        (who(scopes=["docs.read"]), "GET /users/bob/docs", ("owner", "g.yaml:21"), "{id} is the subject, or the permission users:read"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_nearest_miss(policy, principal, request_, miss, words):
    nearest = policy.decide(principal, *request_.split(" ")).nearest
    assert (nearest.kind, str(nearest.place)) == miss
    assert words in nearest.text


def test_an_explanation_names_what_each_binding_still_asks_for(policy):
    answer = explain(policy, who(scopes=["docs.read"], issuer=HOME), "PUT", "/docs/1")
    assert [(held.role, str(held.binding)) for held in answer.held] == [("reader", "g.yaml:10")]
    assert [(asked.permission, asked.answer) for asked in answer.asked] == [("docs:write", "missing")]
    (unmet,) = answer.unmet
    assert (str(unmet.binding), unmet.conditions) == ("g.yaml:11", ("claim realm_access.roles = editor",))
    assert explain(policy, who(), "GET", "/static/secret").less_specific == (
        "GET /static/{rest...} (g.yaml:27)",
    )


def test_a_permission_is_checked_whatever_the_route(policy):
    assert policy.check(EDITOR, "docs:write").code == "access.granted"
    assert policy.check(EDITOR, "docs:purge").code == "access.denied"
    assert policy.check(who(), "docs:write").nearest.role == "editor"
    assert policy.check(None, "docs:write").code == "access.unauthenticated"
    for wrong in ("docs:*", "*", "docs", "docs:", ":read", "a:b:c", ""):
        with pytest.raises(UsageError) as caught:
            policy.check(EDITOR, wrong)
        assert caught.value.code == "access.permission"


def test_a_grant_of_another_policy_is_not_believed(policy):
    other = compiled(POLICY.replace("reader: {allow: [docs:read]}", 'reader: {allow: ["*"]}'))
    reader = who(scopes=["docs.read"])
    assert other.decide(reader, "PUT", "/docs/1", other.grant(reader)).allowed
    assert not policy.decide(reader, "PUT", "/docs/1", other.grant(reader)).allowed
    assert not policy.check(reader, "docs:write", other.grant(reader)).allowed
    lines = [line for line in POLICY.splitlines(keepends=True) if "admin" not in line]
    fewer = compiled("".join(lines))
    contractor = who(roles=["contractor"])
    assert policy.check(contractor, "docs:read").code == "access.missing-permission"
    crossed = policy.check(contractor, "docs:read", fewer.grant(contractor))
    assert crossed.code == "access.missing-permission", "in the other policy its bit is another role's"


def test_nobody_has_a_role_whatever_it_brings(policy):
    nobody = msgspec.structs.replace(EDITOR, subject="", scopes=frozenset({"docs.read"}))
    assert policy.grant(EDITOR).roles == {"editor"}
    assert policy.grant(nobody).roles == frozenset()


def test_a_claim_may_be_true_or_a_number():
    policy = compiled(POLICY.replace("value: 2}", "value: true}"))
    level = "https://example.com/level"
    assert policy.grant(who(claims={level: True})).roles == {"support"}
    assert [policy.grant(who(claims={level: other})).roles for other in (1, "true", None, [2])] == [
        frozenset()
    ] * 4


def test_equal_policies_have_equal_digests_and_grants_of_one_hold_for_the_other(policy):
    head, roles, rest = POLICY.partition("      reader: {allow: [docs:read]}\n")
    moved = compiled("# a comment\n" + head + rest.replace("    bindings:", roles + "    bindings:"))
    assert moved.digest == policy.digest
    for principal in (EDITOR, who(scopes=["docs.read"]), who("root", issuer=HOME)):
        for request in ("GET /docs/1", "PUT /docs/1", "DELETE /docs/1"):
            method, path = request.split(" ")
            crossed = moved.decide(principal, method, path, policy.grant(principal))
            assert crossed.code == policy.decide(principal, method, path).code
    assert compiled(POLICY.replace("docs.read}", "docs.reed}")).digest != policy.digest


def test_a_policy_does_not_change(policy):
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.digest = "x"
    with pytest.raises(TypeError):
        policy.roles.roles["root"] = None
    with pytest.raises(AttributeError):
        policy.decide(EDITOR, "GET", "/docs/1").allowed = True


def test_what_is_remembered_is_bounded(policy):
    for index in range(20_000):
        policy.decide(who(), "GET", f"/docs/{index}")
        policy.permits(frozenset({"reader"}), f"docs:x{index}")
    for cache in (policy.permits, policy._route, policy._granted, policy._judged, policy._checked):
        assert cache.cache_info().currsize <= cache.cache_info().maxsize < 100_000
    assert policy._route.cache_info().currsize == policy._route.cache_info().maxsize
    before = policy._route.cache_info()
    assert policy.decide(None, "GET", "/static/" + "b" * 8000).allowed
    assert policy._route.cache_info() == before, "a long path is decided and not kept"


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_method_and_path_are_decided(method, path):
    decision = ANY.decide(None, method, path)
    assert not decision.allowed or (
        decision.public and method in {"GET", "HEAD"} and path.startswith(("/health", "/static/"))
    )


ANY = compiled()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["roles", "realm_access", "tenants", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["realm_access", "tenants", "https://example.com/level"]), JSON))
def test_any_claims_are_decided(claims):
    principal = who(issuer=HOME, claims=claims)
    realm = claims.get("realm_access")
    roles = realm.get("roles") if isinstance(realm, dict) else None
    editor = roles == "editor" or (isinstance(roles, list) and "editor" in roles)
    assert ANY.decide(principal, "PUT", "/docs/1").allowed is editor
    tenants = claims.get("tenants")
    owned = {str(t) for t in (tenants if isinstance(tenants, list) else [tenants]) if type(t) in {str, int}}
    for tenant in [*owned, "t1"]:
        if tenant and "/" not in tenant and tenant not in {".", ".."}:
            allowed = ANY.decide(principal, "GET", f"/tenants/{tenant}/users/ana").allowed
            assert allowed is (tenant in owned)


def test_an_empty_policy_refuses_everything():
    empty = compiled("scan: {}\n")
    assert empty.decide(EDITOR, "GET", "/").code == "access.no-rule"
    assert empty.decide(None, "GET", "/").code == "access.no-rule"


# Errors of a policy


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("inherits: [reader]", "inherits: [raeder]", "access.unknown-role", ["g.yaml:5", "editor.inherits[0]", "did you mean 'reader'?"]),
        ("reader: {allow: [docs:read]}", "reader: {inherits: [editor]}", "access.cycle", ["g.yaml:4", "reader → editor → reader"]),
        ("reader: {allow: [docs:read]}", "reader: {inherits: [reader]}", "access.cycle", ["reader → reader"]),
        ("{role: reader, scope", "{role: redaer, scope", "access.unknown-role", ["g.yaml:10", "bindings[0].role"]),
        ("methods: [PUT]", "methods: [GET, PUT]", "access.ambiguous", ["g.yaml:19", "g.yaml:18", "GET /docs/{…}", "make them one"]),
        ('path: "/docs/{id}", methods: [PUT]', 'path: "/{kind}/1", methods: [GET]', "access.ambiguous", ["g.yaml:19", "g.yaml:18", "add a rule for /docs/1"]),
        ("path: /me", "path: '/{a}/{a}'", "access.route", ["g.yaml:26", "one name"]),
        ("path: /me", "path: '/{a}.json'", "access.route", ["whole segment"]),
        ("path: /me", "path: '/{id:int}'", "access.route", ["letters, digits"]),
        ("path: /me", "path: '/{a...}/b'", "access.route", ["at the end"]),
        ("path: /me", "path: /a//b", "access.route", ["empty segments"]),
        ("path: /me", "path: /a/../b", "access.route", ["dot segments"]),
        ("path: /me", "path: /a%20b", "access.route", ["decoded"]),
        ("path: /me", "path: /" + "a/" * 70, "access.route", ["more than 64"]),
        ("{parameter: id, unless", "{parameter: di, unless", "access.owner", ["g.yaml:21", "{id}"]),
        ('path: "/users/{id}/docs"', 'path: "/users/{id...}"', "access.owner", ["none"]),
    ],
)  # fmt: skip
def test_a_wrong_policy_is_refused_by_place(old, new, code, words):
    assert old in POLICY
    with pytest.raises(UsageError) as caught:
        compiled(POLICY.replace(old, new, 1))
    said = f"{caught.value.message} {caught.value.hint}"
    assert (caught.value.code, caught.value.exit_status) == (code, 2)
    assert all(word in said for word in words), said


def test_a_third_rule_settles_what_two_contend_for():
    routes = """gateway:
  access:
    routes:
    - {path: "/users/{id}/docs", methods: [GET], public: true}
    - {path: "/users/me/{what}", methods: ["*"], public: true}
"""
    with pytest.raises(UsageError, match="GET, HEAD /users/me/docs"):
        compiled(routes)
    with pytest.raises(UsageError):
        compiled(routes + "    - {path: /users/me/docs, methods: [POST], authenticated: true}\n")
    settled = compiled(routes + "    - {path: /users/me/docs, methods: [GET], authenticated: true}\n")
    assert settled.decide(None, "HEAD", "/users/me/docs").code == "access.unauthenticated"
    assert settled.decide(None, "POST", "/users/me/docs").rule == "* /users/me/{what}"


# The matrix, what is idle, what is not covered, and replay


def test_the_matrix_says_what_each_role_may_do(policy):
    rows = {row.rule: row.cells for row in matrix(policy)}
    assert rows["GET /docs/{id}"] == {
        "reader": "yes", "editor": "yes", "contractor": "no", "support": "no", "admin": "yes",
    }  # fmt: skip
    assert rows["DELETE /docs/{id}"]["editor"] == "denied"
    assert rows["GET /users/{id}/docs"]["reader"] == "owner"
    assert rows["GET /users/{id}/docs"]["admin"] == "yes"
    assert rows["* /me"]["contractor"] == "any"
    assert rows["GET /tenants/{tenant}/users/{id}"]["admin"] == "owner"
    assert set(rows["GET /health"].values()) == {"public"}


def test_what_does_nothing_is_named(policy):
    assert idle(policy) == ()
    lonely = compiled(
        POLICY.replace('allow: ["*"]', "allow: []").replace("    - {role: support", "    - {role: reader")
    )
    assert idle(lonely) == (
        "no role gives docs:purge, which DELETE /docs/{id} (g.yaml:20) asks for",
        "no role gives secrets:read, which GET /static/secret (g.yaml:28) asks for",
        "nobody can have the role support (g.yaml:7): no binding leads to it",
    )


@pytest.mark.parametrize(
    ("method", "path", "covered"),
    [
        ("GET", "/docs/{doc_id:int}", True),
        ("GET", "/docs/{doc_id}.json", True),
        ("HEAD", "/docs/{x}", True),
        ("PATCH", "/docs/{x}", False),
        ("GET", "/docs", False),
        ("GET", "/{x}/1", False),
        ("GET", "/static/{p:path}", True),
        ("GET", "/static/a/{p:path}", True),
        ("*", "/static/{p:path}", False),
        ("POST", "/me", True),
        ("*", "/me", True),
        ("GET", "/{p:path}", False),
    ],
)
def test_an_endpoint_is_covered_when_every_path_of_it_is(policy, method, path, covered):
    left = uncovered(policy, [Endpoint(method, path)])
    assert left == (() if covered else (Endpoint(method, path),))


def test_replay_counts_each_decision_once_and_names_the_flips(policy):
    candidate = compiled(
        POLICY.replace("docs:purge", "docs:read").replace("{path: /me,", "{path: /you,"), version=2
    )
    records = [
        Recorded(method="GET", path="/docs/1", allowed=True, subject="ana", scopes=frozenset({"docs.read"}), claims={}),
        Recorded(method="GET", path="/docs/1", allowed=True, subject="eva", issuer=HOME, claims=EDITOR.claims),
        Recorded(method="DELETE", path="/docs/1", allowed=False, subject="eva", issuer=HOME, claims=EDITOR.claims),
        Recorded(method="GET", path="/me", allowed=True, subject="ana"),
        Recorded(method="GET", path="/you", allowed=False, subject="ana"),
        Recorded(method="GET", path="/docs/1", allowed=True, subject="ana", scopes=frozenset({"docs.read"})),
        Recorded(method="GET", path="/docs/1", allowed=True, subject="ana", claims={}),
        Recorded(method="GET", path="/health", allowed=True),
    ]  # fmt: skip
    replay = diff(policy, candidate, records)
    assert [(flip.recorded.subject, flip.recorded.path) for flip in replay.closed] == [
        ("eva", "/docs/1"),
        ("ana", "/me"),
    ]
    assert [flip.recorded.path for flip in replay.opened] == ["/you"]
    assert len(replay.unknown) == 2, "one lacks its claims, one was decided by something else"
    assert replay.same + len(replay.flips) + len(replay.unknown) == len(records)
    assert replay.by_rule()["* /me", "", "access.no-rule"] == 1
    assert diff(policy, policy, records).flips == ()


def test_remembered_bindings_hang_on_nothing_that_was_left_out():
    """Whoever shares issuer, scopes and roles shares what is remembered, and nothing that is about him alone."""
    text = b"""
gateway:
  access:
    roles: {reader: {allow: ["docs:read"]}, chief: {allow: ["*"]}, staff: {allow: ["docs:write"]}}
    bindings:
      - {role: reader, scope: "docs:read"}
      - {role: chief, issuer: "https://id", subject: ana}
      - {role: chief, issuer: "https://id", subject: "*"}
      - {role: staff, issuer: "https://id", scope: "docs:write", credential_role: staff}
"""
    policy = parse(text, "test")
    scopes = frozenset({"docs:read", "docs:write"})

    def roles(subject, issuer="https://id", held=frozenset({"staff"})):
        return policy.grant(PrincipalData(subject=subject, issuer=issuer, scopes=scopes, roles=held)).roles

    for _ in range(2):
        assert roles("eva") == {"reader", "staff"}
        assert roles("ana") == {"reader", "staff", "chief"}
        assert roles("*") == {"reader", "staff", "chief"}
        assert roles("ana", "https://other") == {"reader"}
        assert roles("eva", held=frozenset()) == {"reader"}
        assert roles("") == frozenset()
    claimed = parse(
        text.replace(b"{role: reader, scope", b"{role: reader, claim: {path: a, value: b}, scope"), "test"
    )
    for claims, wanted in (({"a": "b"}, {"reader", "staff"}), ({}, {"staff"})):
        principal = PrincipalData(
            subject="eva", issuer="https://id", scopes=scopes, roles=frozenset({"staff"}), claims=claims
        )
        assert claimed.grant(principal).roles == wanted
