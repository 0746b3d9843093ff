"""`gateway.access` in guarita.yaml: what is wrong is named by place, in mappings too."""

import pytest

from guarita import config
from guarita.errors import UsageError


def parsed(text):
    indented = "".join(f"    {line}\n" for line in text.splitlines())
    return config.parse(f"gateway:\n  access:\n{indented}".encode(), "g.yaml").gateway.access


def test_roles_bindings_and_routes_are_read():
    access = parsed(
        """roles:
  reader: {allow: [docs:read]}
  editor: {inherits: [reader], allow: ["docs:*", "*:read"], deny: [docs:purge]}
bindings:
- {role: reader, scope: docs.read}
- {role: editor, claim: {path: [https://example.com/roles], value: editor}, issuer: https://id.example.com}
routes:
- {path: /health, methods: [GET], public: true}
- path: /users/{id}/docs
  methods: ["*"]
  permissions: [docs:read]
  owner: [{parameter: id, unless: docs:purge}]"""
    )
    assert access.roles["editor"].inherits == ["reader"]
    assert access.bindings[1].claim.path == ["https://example.com/roles"]
    assert access.routes[1].owner[0].unless == "docs:purge"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("roles:\n  a: {allow: [x:y]}\n  b: {allow: [xy]}", ["g.yaml:5", "roles.b.allow[0]", "resource:action"]),
        ("roles:\n  a: {}\n  b: {alow: []}", ["g.yaml:5", "roles.b.alow", "did you mean 'allow'?"]),
        ("roles:\n  a: {}\n  'b!': {}", ["g.yaml:5", "roles.b!"]),
        ("roles:\n  a: {allow: ['docs*:read']}", ["roles.a.allow[0]"]),
        ("bindings:\n- {role: a}", ["g.yaml:4", "bindings[0]", "a binding needs a condition"]),
        ("bindings:\n- {role: a, subject: ana}", ["`subject` needs `issuer`"]),
        ("bindings:\n- {role: a, claim: {path: 'https://x.y/z', value: 1}}", ["as a list"]),
        ("bindings:\n- {role: a, claim: {path: a..b, value: 1}}", ["empty"]),
        ("bindings:\n- {role: a, claim: {path: a, value: 1.5}}", ["bindings[0].claim.value"]),
        ("routes:\n- {path: /a, methods: [get], public: true}", ["g.yaml:4", "methods[0]", "GET"]),
        ("routes:\n- {path: /a, methods: [], public: true}", ["methods"]),
        ("routes:\n- {path: /a, methods: ['*', GET], public: true}", ["stands alone"]),
        ("routes:\n- {path: /a, methods: [GET]}", ["exactly one of"]),
        ("routes:\n- {path: /a, methods: [GET], public: true, permissions: [a:b]}", ["exactly one of"]),
        ("routes:\n- {path: /a, methods: [GET], permissions: []}", ["permissions"]),
        ("routes:\n- {path: /a, methods: [GET], permissions: ['a:*']}", ["permissions[0]"]),
        ("routes:\n- {path: '/{a}', methods: [GET], public: true, owner: [{parameter: a}]}", ["no owner"]),
        ("routes:\n- {path: a, methods: [GET], public: true}", ["routes[0].path"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_place(text, words):
    with pytest.raises(UsageError) as caught:
        parsed(text)
    said = f"{caught.value.message} {caught.value.hint}"
    assert all(word in said for word in words), said
