"""`guarita gateway explain`, `test` and `routes` by the real command, on a real FastAPI application."""

import json
import subprocess
import sysconfig
from pathlib import Path

import pytest

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"

POLICY = """\
gateway:
  access:
    roles:
      reader: {allow: [docs:read]}
      editor: {inherits: [reader], allow: [docs:write]}
    bindings:
    - {role: reader, scope: docs.read}
    - {role: editor, issuer: https://id.example.com, claim: {path: realm_access.roles, value: editor}}
    routes:
    - {path: "/docs/{id}", methods: [GET], permissions: [docs:read]}
    - {path: "/docs/{id}", methods: [PUT], permissions: [docs:write]}
    - {path: "/static/{rest...}", methods: [GET], public: true}
    - {path: "/ws/{room}", methods: [GET], authenticated: true}
"""
APP = """\
from fastapi import APIRouter, FastAPI, WebSocket
from fastapi.responses import PlainTextResponse
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles

bare = FastAPI(openapi_url=None)
docs = APIRouter(prefix="/docs")

@docs.get("/{doc:int}")
def read(doc: int): ...

@docs.put("/{doc}.json")
def write(doc: str): ...

@bare.websocket("/ws/{room}")
async def room(socket: WebSocket): ...

bare.include_router(docs)
bare.mount("/static", StaticFiles(directory="."))
"""


def guarita(*arguments, cwd):
    return subprocess.run(
        [GUARITA, "gateway", *arguments],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def project(tmp_path):
    (tmp_path / "guarita.yaml").write_text(POLICY)
    return tmp_path


READER = ("--subject", "ana", "--scope", "docs.read")
EDITOR = (
    "--subject",
    "eva",
    "--issuer",
    "https://id.example.com",
    "--claim",
    'realm_access.roles=["editor"]',
)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("GET", "/docs/42", *READER), 0, ["let through (access.granted)", "guarita.yaml:10", "binding at guarita.yaml:7"]),
        (("GET", "/docs/a%20b", *READER), 0, ["GET /docs/a b: let through"]),
        (("PUT", "/docs/42", *EDITOR), 0, ["inherits    reader", "allowed by editor: docs:write (guarita.yaml:5)"]),
        (("PUT", "/docs/42", *READER), 1, ["with the role editor", "guarita.yaml:8 still asks for: issuer https://id.example.com, claim"]),
        (("GET", "/docs/42"), 1, ["access.unauthenticated"]),
        (("GET", "/static/a"), 0, ["access.public"]),
        (("GET", "/docs/42/", *READER), 1, ["access.no-rule", "the slash at the end counts"]),
        (("GET", "/docs/../x", *READER), 1, ["request.path", "dot segments"]),
        (("get", "/docs/42", *READER), 1, ["access.method"]),
    ],
)  # fmt: skip
def test_explain_says_what_and_why(project, arguments, status, words):
    done = guarita("explain", *arguments, cwd=project)
    assert done.returncode == status, done.stderr
    assert all(word in done.stdout for word in words), done.stdout
    machine = guarita("explain", "--json", *arguments, cwd=project)
    assert machine.returncode == status
    assert json.loads(machine.stdout)["decision"]["allowed"] is (status == 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("explain", "GET", "/docs/1", "--scope", "docs.read"), ["without a subject", "--subject NAME"]),
        (("explain", "GET", "/docs/1", "--subject", "a", "--claim", "x"), ["no claim"]),
        (("explain", "GET", "/docs/1", "--subject", "a", "--claim", "x=1", "--claim", "x.y=2"), ["as a value too"]),
        (("routes", "--role", "nobody"), ["no role nobody"]),
        (("routes", "app"), ["MODULE:ATTRIBUTE"]),
        (("routes", "nothing:app"), ["no module 'nothing'"]),
        (("test", "wrong.yaml"), ["wrong.yaml:3", "did you mean 'allow'?"]),
    ],
)  # fmt: skip
def test_a_wrong_call_is_named_in_a_line(project, arguments, words):
    (project / "wrong.yaml").write_text(
        "tests:\n- {name: a, principal: anonymous, request: GET /a,\n   expected: alow}\n"
    )
    done = guarita(*arguments, cwd=project)
    assert done.returncode == 2, done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert "Traceback" not in done.stderr


def test_policy_tests_pass_or_fail_by_place(project):
    tests = project / "policy-tests.yaml"
    tests.write_text(
        "tests:\n"
        "- {name: read, principal: {subject: ana, scopes: [docs.read]}, request: GET /docs/1, expected: allow}\n"
        "- {name: write, principal: {subject: ana, scopes: [docs.read]}, request: PUT /docs/1, expected: deny}\n"
    )
    done = guarita("test", "policy-tests.yaml", cwd=project)
    assert (done.returncode, done.stdout) == (0, "2 tests: all as expected\n")
    assert "no test touches GET /static/{rest...} (guarita.yaml:12)" in done.stderr
    (project / "guarita.yaml").write_text(POLICY.replace("allow: [docs:read]", "allow: [docs:reed]"))
    done = guarita("test", "policy-tests.yaml", cwd=project)
    assert done.returncode == 1
    assert (
        "policy-tests.yaml:2: read: GET /docs/1: expected allow, got access.missing-permission" in done.stdout
    )
    assert "nearest: no single role would add docs:read" in done.stdout
    answer = json.loads(guarita("test", "--json", "policy-tests.yaml", cwd=project).stdout)
    assert (answer["failed"], [one["passed"] for one in answer["tests"]]) == (1, [False, True])


def test_routes_prints_the_matrix(project):
    done = guarita("routes", cwd=project)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["PUT", "/docs/{id}", "docs:write", "no", "yes"] in rows
    assert ["GET", "/static/{rest...}", "public", "public"] in rows
    assert "reader" not in guarita("routes", "--role", "editor", cwd=project).stdout


def test_routes_fails_on_what_no_rule_covers_and_on_nothing_else(project):
    (project / "main.py").write_text(APP + "app = bare\n")
    done = guarita("routes", "main:app", cwd=project)
    assert done.returncode == 1, done.stderr
    uncovered = [line for line in done.stdout.splitlines() if line.startswith("no rule covers")]
    assert uncovered == ["no rule covers * /static/{path:path}"], "files answer any method"
    (project / "guarita.yaml").write_text(
        POLICY.replace('"/static/{rest...}", methods: [GET]', '"/static/{rest...}", methods: ["*"]')
    )
    assert guarita("routes", "main:app", cwd=project).returncode == 0
    for addition, line in (
        ("bare.add_api_route('/docs', read, methods=['POST'])", "POST /docs"),
        ("outer = APIRouter(prefix='/v2'); outer.include_router(docs); bare.include_router(outer)", "PUT /v2/docs/{doc}.json"),
        ("bare.mount('/old', Mount('/older', routes=[Route('/x', read)]))", "GET /old/older/x"),
        ("bare.mount('/r', Router([Mount('/s', routes=[Route('/{x}', read)])]))", "HEAD /r/s/{x}"),
        ("bare.mount('/any', PlainTextResponse('x'))", "* /any/{path:path}"),
        ("bare.add_api_websocket_route('/live', room)", "GET /live"),
        ("bare.host('a.example', FastAPI())", "GET /openapi.json"),
    ):  # fmt: skip
        (project / "main.py").write_text(f"{APP}{addition}\napp = GZipMiddleware(bare)\n")
        done = guarita("routes", "main:app", cwd=project)
        assert done.returncode == 1, (addition, done.stderr)
        assert f"no rule covers {line}\n" in done.stdout, done.stdout
        answer = json.loads(guarita("routes", "--json", "main:app", cwd=project).stdout)
        assert " ".join(line.split()) in {f"{one['method']} {one['path']}" for one in answer["uncovered"]}


def test_replay_names_what_a_candidate_would_flip(project):
    (project / "candidate.yaml").write_text(POLICY.replace("scope: docs.read", "scope: docs.all"))
    reader = {"subject": "ana", "scopes": ["docs.read"], "claims": {}}
    stranger = {"subject": "bob", "scopes": ["docs.all"], "claims": {}}
    records = [
        {"method": "GET", "path": "/docs/1", "allowed": True, **reader, "time": "yesterday"},
        {"method": "GET", "path": "/docs/2", "allowed": False, **stranger},
        {"method": "GET", "path": "/static/a", "allowed": True},
    ]

    def replayed(records, *options):
        (project / "recorded.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
        return guarita("replay", *options, "candidate.yaml", "recorded.jsonl", cwd=project)

    done = replayed(records)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines() == [
        "GET /docs/2: would be let through (access.granted) by GET /docs/{id} (candidate.yaml:10)",
        "GET /docs/1: would be refused (access.missing-permission) by GET /docs/{id} (candidate.yaml:10)",
        "3 decisions: 2 flip, 0 unknown",
    ]
    assert replayed(records[2:]).returncode == 0
    del records[0]["claims"]
    done = replayed(records)
    assert done.returncode == 3, "unknown never passes"
    assert "GET /docs/1: the record does not say enough" in done.stdout
    assert [len(json.loads(replayed(records, "--json").stdout)[kind]) for kind in ("flips", "unknown")] == [
        1,
        1,
    ]
    for wrong, words in (([], "nothing is recorded"), ([*records, {"method": "GET"}], "recorded.jsonl:4")):
        done = replayed(wrong)
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr
