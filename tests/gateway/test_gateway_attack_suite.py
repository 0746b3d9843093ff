"""The attack suite finds real bugs in applications that have them, says what to do, and finds none in a right one."""

import asyncio
import json
import re
import subprocess
import sys
import textwrap
import urllib.request
from pathlib import Path
from typing import Annotated, get_args

import jwt
import pytest
from fastapi import APIRouter, Body, Depends, FastAPI, Header, HTTPException, Request, WebSocket
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient

from guarita.errors import UsageError
from guarita.gateway import Gateway, GatewayMiddleware, Principal
from guarita.gateway.fastapi import requires
from guarita.gateway.testing.attack.interface import ATTACKS
from guarita.gateway.testing.attack.world import Setup, World
from guarita.gateway.testing.issuer import Fault

CONFIGURED = """\
gateway:
  tokens:
    issuers: [{issuer: "https://id.example.com", audiences: ["https://api.example.com"], roles: realm.roles}]
  access:
    roles:
      reader: {allow: ["docs:read"]}
      writer: {inherits: [reader], allow: ["docs:write"]}
      admin: {allow: ["*"]}
    bindings:
      - {role: reader, scope: "docs:read"}
      - {role: writer, claim: {path: groups, value: writers}}
      - {role: admin, credential_role: admin}
    routes:
      - {path: /health, methods: [GET], public: true}
      - {path: "/docs/{id}", methods: [GET], permissions: ["docs:read"]}
      - {path: "/docs/{id}", methods: [PUT, DELETE], permissions: ["docs:write"], privileged: true}
      - {path: "/users/{user}", methods: [GET], authenticated: true, owner: [{parameter: user, unless: "users:read"}]}
      - {path: "/files/{rest...}", methods: [GET], permissions: ["files:read"]}
      - {path: /socket, methods: [GET], permissions: ["docs:read"]}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "guarita.yaml"
    path.write_text(CONFIGURED)
    return path


@pytest.fixture
def attacked(tmp_path):
    """Attacks an application; gives the findings by target and attack, and what was not attacked."""

    def attacked(app, prepare=lambda setup: None, only=None, **said):
        setup = Setup(app, tmp_path, **said)
        prepare(setup)
        found = {}
        with World(setup) as world:
            for target in world.targets:
                for attack in world.attacks(target):
                    if only is not None and not attack.name.startswith(only):
                        continue
                    for finding in world.run(target, attack):
                        found.setdefault((str(target), attack.name), []).append(str(finding))
            attacked.summary = list(world.summary())
        return found

    return attacked


def plain_app(**options):
    app = FastAPI(openapi_url=None, **options)

    @app.get("/health")
    def health():
        return {"up": True}

    @app.get("/docs/{number}")
    def read(number: int, request: Request):
        return {"number": number}

    @app.put("/docs/{number}")
    async def write(number: int, title: Annotated[str, Body(embed=True)]):
        return {"number": number, "title": title}

    @app.delete("/docs/{number}")
    def remove(number: int):
        raise HTTPException(404, "there is no such document")

    @app.get("/users/{user}")
    def users(user: str):
        return {"user": user}

    @app.websocket("/socket")
    async def sock(websocket: WebSocket):
        await websocket.accept()
        await websocket.send_text("hello")

    return app


def guarded(app, file):
    app.add_middleware(GatewayMiddleware, gateway=Gateway.from_file(file))
    return app


# Right applications: nothing is found, and everything was attacked.


def test_a_right_application_passes(file, attacked, tmp_path):
    app = plain_app()
    router = APIRouter(prefix="/users")

    @router.get("/{user}/mail")
    def mail(user: str, who: Annotated[Principal, Depends(requires("users:read"))]):
        return {"mail": who.subject}

    file.write_text(
        CONFIGURED + '      - {path: "/users/{user}/mail", methods: [GET], permissions: ["users:read"]}\n'
    )
    app.include_router(router)
    (tmp_path / "static").mkdir()
    app.mount("/files", StaticFiles(directory=tmp_path / "static"))
    assert attacked(guarded(app, file)) == {}
    summary = "\n".join(attacked.summary)
    assert "not attacked" not in summary
    assert "without a gateway" not in summary
    assert int(re.search(r"([\d,]+) requests", summary).group(1).replace(",", "")) > 2000


def test_an_application_that_says_nothing_of_its_routes_is_attacked_where_the_policy_has_rules(
    file, attacked
):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            await PlainTextResponse("anything")(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.accept"})

    assert attacked(GatewayMiddleware(app, Gateway.from_file(file))) == {}
    bare = attacked(app, policy=file)
    assert ("GET /docs/{id}", "token.missing") in bare


@pytest.fixture
def with_keys(file, tmp_path, monkeypatch):
    monkeypatch.setenv("GUARITA_PEPPER", "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=")
    keys = f"  api_keys: {{store: 'sqlite:///{tmp_path}/k.db', pepper: {{env: GUARITA_PEPPER}}, header: X-Robot}}\n"
    text = re.sub(r"  tokens:\n.*\n", keys, CONFIGURED).replace(
        "claim: {path: groups, value: writers}", 'scope: "docs:write"'
    )
    file.write_text(text)
    return file


def test_api_keys_and_their_confusions(with_keys, attacked):
    assert attacked(guarded(plain_app(), with_keys)) == {}
    assert "not attacked" not in "\n".join(attacked.summary)


def test_bound_tokens_and_their_proofs(file, attacked):
    file.write_text(CONFIGURED.replace("  tokens:\n", "  tokens:\n    require_bound: true\n    dpop: {}\n"))
    assert attacked(guarded(plain_app(), file)) == {}
    assert "not attacked" not in "\n".join(attacked.summary)


def test_sessions_and_their_cookies(file, attacked, monkeypatch):
    monkeypatch.setenv("LOGIN_SECRET", "s3cret")
    login = (
        "  login: {issuer: 'https://id.example.com', client: {id: portal, secret: {env: LOGIN_SECRET}},"
        " url: 'https://portal.example.com', roles: roles}\n"
    )
    file.write_text(re.sub(r"  tokens:\n.*\n", login, CONFIGURED))
    assert attacked(guarded(plain_app(), file)) == {}
    assert "not attacked" not in "\n".join(attacked.summary)


def test_opaque_tokens_and_what_their_issuer_says(file, attacked, monkeypatch):
    monkeypatch.setenv("INTROSPECTION_SECRET", "s3cret")
    asked = (
        "  tokens:\n    introspection: {issuer: 'https://id.example.com', audiences: ['https://api.example.com'],"
        " client_id: api, client_secret: {env: INTROSPECTION_SECRET}, endpoint: 'https://id.example.com/introspect',"
        " roles: roles}\n"
    )
    file.write_text(re.sub(r"  tokens:\n.*\n", asked, CONFIGURED))
    assert attacked(guarded(plain_app(), file), only=("opaque.", "access.", "token.missing")) == {}
    assert "not attacked" not in "\n".join(attacked.summary)


# Applications with one bug each: it is found, by the attack and at the route that it is about.


def test_a_route_mounted_outside_of_the_gateway(file, attacked):
    admin = Starlette(routes=[Route("/users", lambda _: JSONResponse([]))])
    app = Starlette(routes=[Mount("/admin", admin), Mount("/", guarded(plain_app(), file))])
    found = attacked(app)
    (report,) = found["GET /admin/users", "token.missing"]
    assert "no gateway stands before this route" in report
    assert "access.no-rule" in report
    assert {target for target, _ in found} == {"GET /admin/users", "HEAD /admin/users"}
    assert "without a gateway before it: GET /admin/users" in "\n".join(attacked.summary)


class Remembering:
    """A cache of answers by method and path, which does not know who asked."""

    def __init__(self, app):
        self.app, self.kept = app, {}

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        key = scope["raw_path"]
        if key not in self.kept:
            messages = []

            async def keep(message):
                messages.append(message)

            await self.app(scope, receive, keep)
            if messages[0]["status"] != 200:
                for message in messages:
                    await send(message)
                return
            self.kept[key] = messages
        for message in self.kept[key]:
            await send(message)


def test_a_middleware_in_the_wrong_order(file, attacked):
    app = guarded(plain_app(), file)
    app.add_middleware(Remembering)  # added last, so outermost: before the gateway
    found = attacked(app)
    (report,) = found["GET /docs/{number}", "access.remembered"]
    assert "something before the handler, such as a cache" in report
    assert "keep caches of answers behind the gateway" in report
    right = plain_app()
    right.add_middleware(Remembering)
    assert attacked(guarded(right, file)) == {}


class Rewriting:
    """Makes another request of a request: by a field of the query, and paths in lower case."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            asked = re.search(rb"_method=([A-Z]+)", scope["query_string"])
            method = asked.group(1).decode() if asked else scope["method"]
            scope = {**scope, "path": scope["path"].lower(), "method": method}
        await self.app(scope, receive, send)


def test_what_rewrites_requests_after_the_gateway(file, attacked):
    file.write_text(CONFIGURED + '      - {path: "/{rest...}", methods: [GET], public: true}\n')
    app = plain_app()
    app.add_middleware(Rewriting)
    found = attacked(guarded(app, file))
    assert ("DELETE /docs/{number}", "header.method") in found
    assert ("GET /docs/{number}", "path.confusion") in found


def test_a_handler_that_believes_a_header(file, attacked):
    app = plain_app()

    @app.get("/users/{user}/name")
    def name(user: str, x_forwarded_user: Annotated[str, Header()] = ""):
        return {"name": x_forwarded_user or user}

    @app.get("/users/{user}/rights")
    def rights(user: str, request: Request):
        return {"admin": request.headers.get("x-role") == "admin"}

    file.write_text(
        CONFIGURED
        + '      - {path: "/users/{user}/name", methods: [GET], authenticated: true}\n'
        + '      - {path: "/users/{user}/rights", methods: [GET], authenticated: true}\n'
    )
    found = attacked(guarded(app, file))
    assert set(found) == {
        ("GET /users/{user}/name", "header.identity"),
        ("GET /users/{user}/rights", "header.identity"),
    }
    reports = "\n".join(found["GET /users/{user}/name", "header.identity"])
    assert "the header x-forwarded-user" in reports
    assert "came back in the answer" in reports
    assert "the header x-role" in "\n".join(found["GET /users/{user}/rights", "header.identity"])


def check(token, issuer, **options):
    """What most services write, and what each leaves out."""
    options = {"audience": issuer.audience, "issuer": issuer.issuer, **options}
    return jwt.decode(token, issuer.keys[-1].private.public_key(), algorithms=["ES256"], **options)


def token_of(request):
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise HTTPException(401)
    return token


def homemade(prepare, judge):
    """An application that verifies tokens by itself; `judge` gives the claims or raises."""
    made = {}

    def prepared(setup):
        made["issuer"] = setup.issuer
        prepare(setup)

    def signed_in(request: Request):
        try:
            return judge(request, made["issuer"])
        except jwt.PyJWTError as error:
            raise HTTPException(401) from error

    app = FastAPI(openapi_url=None)

    @app.get("/docs/{number}")
    def read(number: int, claims: Annotated[dict, Depends(signed_in)]):
        if "docs:read" not in claims.get("scope", ""):
            raise HTTPException(403)
        return {"number": number}

    return app, prepared


DOCS = "GET /docs/{number}"
POLICY = CONFIGURED.replace("claim: {path: groups, value: writers}", 'scope: "docs:write"')


@pytest.mark.parametrize(
    ("judge", "attack", "advice"),
    [
        (lambda r, i: check(token_of(r), i, audience=None, options={"verify_aud": False}), "token.audience", "`aud`"),
        (lambda r, i: check(token_of(r), i, options={"verify_iss": False}), "token.issuer", "`iss`"),
        (lambda r, i: check(token_of(r), i, options={"verify_exp": False}), "token.expired", "`exp`"),
        (lambda r, i: check(token_of(r), i, options={"verify_nbf": False, "verify_iat": False}), "token.not-yet", "`nbf`"),
        (lambda r, i: check(token_of(r), i, options={"verify_signature": False}), "token.signature", "verify the signature"),
        (lambda r, i: check(token_of(r), i, options={"verify_signature": False}), "token.alg-none", "never `none`"),
        (lambda r, i: check(r.query_params.get("access_token") or token_of(r), i), "token.elsewhere", "Authorization alone"),
        (lambda r, i: check(r.headers.getlist("authorization")[-1].partition(" ")[2], i), "token.twice", "two Authorization"),
        (lambda r, i: check(r.headers["authorization"].split(" ")[-1], i), "token.scheme", "Bearer and DPoP"),
        (lambda r, i: by_header_key(token_of(r), i), "token.header-key", "jku"),
        (lambda r, i: by_file(token_of(r), i), "token.kid", "key set and nowhere else"),
        (lambda r, i: by_any_algorithm(token_of(r), i), "token.alg-hmac", "HS256"),
        (lambda r, i: check(token_of(r), i), "token.bound", "cnf"),
        (lambda r, i: check(token_of(r), i), "token.spelling", "revoke by `jti`"),
        (lambda r, i: check(token_of(r), i), "token.duplicate", "twice"),
        (lambda r, i: check(token_of(r), i), "token.type", "at+jwt"),
        (lambda r, i: check(token_of(r), i), "token.lifetime", "leaked"),
        (lambda r, i: check(token_of(r), i, options={"verify_sub": False}), "token.subject", "`sub`"),
    ],
)  # fmt: skip
def test_checks_of_ones_own_that_leave_something_out(file, attacked, judge, attack, advice):
    file.write_text(POLICY)
    app, prepare = homemade(lambda setup: None, judge)
    found = attacked(app, prepare, only=attack)
    (report, *_) = found[DOCS, attack]
    assert advice in report
    assert "read was reached" in report
    assert "eyJ" not in report, "no token stands in a report"


def by_header_key(token, issuer):
    header = jwt.get_unverified_header(token)
    if "jku" in header:
        with urllib.request.urlopen(header["jku"], timeout=5) as answer:
            key = jwt.PyJWK(json.load(answer)["keys"][0])
    else:
        key = issuer.keys[-1].private.public_key()
    return jwt.decode(token, key, algorithms=["ES256"], audience=issuer.audience, issuer=issuer.issuer)


def by_file(token, issuer):
    header = jwt.get_unverified_header(token)
    if header["alg"] == "HS256":
        import hashlib
        import hmac

        signed, _, signature = token.rpartition(".")
        secret = Path(str(header["kid"])).read_bytes()
        if jwt.utils.base64url_decode(signature) != hmac.digest(secret, signed.encode(), hashlib.sha256):
            raise jwt.InvalidSignatureError
        return jwt.decode(token, options={"verify_signature": False})
    return check(token, issuer)


def by_any_algorithm(token, issuer):
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = issuer.keys[-1].private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    if jwt.get_unverified_header(token)["alg"].startswith("HS"):
        import hashlib
        import hmac

        signed, _, signature = token.rpartition(".")
        if jwt.utils.base64url_decode(signature) != hmac.digest(pem, signed.encode(), hashlib.sha256):
            raise jwt.InvalidSignatureError
        return jwt.decode(token, options={"verify_signature": False})
    return check(token, issuer)


def test_a_middleware_that_forgets_websockets(file, attacked):
    file.write_text(POLICY)
    made = {}

    class Checked(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            if request.url.path != "/health":
                try:
                    check(token_of(request), made["issuer"])
                except (HTTPException, jwt.PyJWTError):
                    return PlainTextResponse("who are you?", 401)
            return await call_next(request)

    async def sock(websocket):
        await websocket.accept()
        await websocket.close()

    app = Starlette(
        routes=[WebSocketRoute("/socket", sock), Route("/docs/{id}", lambda _: PlainTextResponse("x"))]
    )
    app.add_middleware(Checked)
    found = attacked(app, lambda setup: made.update(issuer=setup.issuer))
    (report,) = found["WEBSOCKET /socket", "token.missing"]
    assert "answered  101" in report
    assert ("GET /docs/{id}", "token.missing") not in found
    # Whoever has any good token may do everything: that was not checked either.
    assert ("GET /docs/{id}", "access.low-privilege") in found


def test_things_of_others_and_rights_of_others(file, attacked):
    """A check of who calls, and none of what he may."""
    file.write_text(POLICY)
    made = {}

    def signed_in(request: Request):
        try:
            return check(token_of(request), made["issuer"])
        except jwt.PyJWTError as error:
            raise HTTPException(401) from error

    app = plain_app(dependencies=[Depends(signed_in)])
    app.router.routes = [route for route in app.router.routes if "socket" not in route.path]
    found = attacked(app, lambda setup: made.update(issuer=setup.issuer))
    assert ("PUT /docs/{number}", "access.low-privilege") in found
    (report, *_) = found["GET /users/{user}", "access.other-owner"]
    assert "access.not-owner" in report
    assert "somebody else" in report


def test_sessions_that_other_sites_may_use(file, attacked):
    file.write_text(POLICY)

    def signed_in(connection: HTTPConnection):
        if not connection.cookies.get("session", "").startswith("s3ssion-of-ana"):
            raise HTTPException(401)

    app = plain_app(dependencies=[Depends(signed_in)])

    ana = {
        "subject": "guarita-attack",
        "issuer": "https://id.example.com",
        "scopes": ["docs:read", "docs:write"],
    }
    found = attacked(app, lambda setup: setup.credential("ana", ana, {"cookie": "session=s3ssion-of-ana"}))
    assert ("PUT /docs/{number}", "cookie.cross-site") in found
    assert ("WEBSOCKET /socket", "cookie.cross-site") in found
    assert ("GET /docs/{number}", "cookie.cross-site") not in found
    (report,) = found["GET /docs/{number}", "cookie.forged"]
    assert "something after it" in report
    assert "more like it" not in report


def test_a_key_of_ones_own_that_is_compared_by_its_beginning(file, attacked):
    def keyed(x_key: Annotated[str, Header()] = ""):
        if not x_key.startswith("k3y"):
            raise HTTPException(401)

    app = FastAPI(openapi_url=None, dependencies=[Depends(keyed)])

    @app.get("/docs/{number}")
    def read(number: int):
        return {"number": number}

    robot = {"subject": "robot", "scopes": ["docs:read"]}
    found = attacked(
        app, lambda setup: setup.credential("the robot", robot, {"x-key": "k3y-of-the-robot"}), policy=file
    )
    (report,) = found[DOCS, "credential.forged"]
    assert "changed at its end" in report
    assert "2 more like it" in report


class Breaking:
    """Breaks at one credential, and hangs at another."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        value = dict(scope.get("headers", ())).get(b"authorization", b"")
        if value == b"Bearer null":
            raise ZeroDivisionError(value)
        if value == b"Basic YTpi":
            await asyncio.sleep(60)
        await self.app(scope, receive, send)


def test_an_application_that_breaks_or_hangs(file, attacked, monkeypatch):
    monkeypatch.setattr("guarita.gateway.testing.attack.driver.PATIENCE", 0.3)
    app = guarded(plain_app(), file)
    app.add_middleware(Breaking)
    found = attacked(app)
    reports = "\n".join(found["GET /docs/{number}", "token.missing"])
    assert re.search(
        r"the application broke \(ZeroDivisionError at .*test_gateway_attack_suite.py:\d+\)", reports
    )
    assert "no answer came within" in reports
    assert {attack for _, attack in found} == {"token.missing", "token.twice"}


def test_what_answers_come_again_later_is_unknown_and_not_passed(file, attacked):
    async def limited(scope, receive, send):
        await PlainTextResponse("slowly", 429)(scope, receive, send)

    class Limit:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            await (limited if scope["type"] == "http" else self.app)(scope, receive, send)

    app = Starlette(routes=[Route("/nothing/for/anybody", lambda _: PlainTextResponse("x"))])
    app.add_middleware(Limit)
    found = attacked(app, policy=file)
    assert "this attack is unknown" in found["GET /nothing/for/anybody", "token.missing"][0]


def test_where_nobody_comes_through_nothing_is_claimed(file, attacked):
    """Refusals of an application that refuses everybody prove nothing."""
    app = FastAPI(openapi_url=None)

    @app.get("/docs/{number}")
    def read(number: int):
        raise HTTPException(403)

    attacked(guarded(app, file))
    assert "not attacked, since nobody came through: GET /docs/{number}" in "\n".join(attacked.summary)


def test_without_a_policy_nothing_is_attacked(attacked):
    with pytest.raises(UsageError, match="nothing says who may call what"):
        attacked(plain_app())


# The command, as a project runs it.

APP = """
from fastapi import FastAPI
from guarita.gateway import Gateway, GatewayMiddleware

app = FastAPI()
app.add_middleware(GatewayMiddleware, gateway=Gateway.from_file("guarita.yaml"))

@app.get("/docs/{number}")
def read(number: int):
    return {}

app.mount("/inner", FastAPI(openapi_url=None))
"""


@pytest.fixture
def project(tmp_path, file):
    (tmp_path / "service.py").write_text(APP)
    file.write_text(CONFIGURED)
    (tmp_path / "test_own.py").write_text("def test_own(): pass\n")

    def run(*words):
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip

    run.folder = tmp_path
    return run


def test_the_command_attacks_every_route_and_names_what_it_found(project):
    done = project("--guarita-attack", "service:app", "-q")
    assert done.returncode == 0, done.stdout
    assert "guarita attack on service:app" in done.stdout
    assert "open to nobody by the policy: GET /openapi.json" in done.stdout
    assert "test_own" not in done.stdout
    source = project.folder / "service.py"
    source.write_text(APP + '\n@app.get("/me")\ndef me(): return {}\n' + "from starlette.applications import Starlette\n"
                      "from starlette.routing import Mount\ninner = app\n"
                      "app = Starlette(routes=[Mount('/docs', FastAPI(openapi_url=None)), Mount('/x', inner)])\n")  # fmt: skip
    done = project("--guarita-attack", "service:app", "-q", "-k", "token.missing", "test_own.py")
    assert done.returncode == 0, done.stdout


def test_the_command_fails_where_something_is_found_and_a_skip_has_its_reason(project):
    source = project.folder / "service.py"
    source.write_text(APP + "\nfrom starlette.applications import Starlette\nfrom starlette.responses import Response\n"
                      "from starlette.routing import Mount, Route\n"
                      "outside = Route('/outside', lambda request: Response('x'))\n"
                      "app = Starlette(routes=[outside, Mount('/', app)])\n")  # fmt: skip
    done = project("--guarita-attack", "service:app", "-q", "-k", "outside and missing")
    assert done.returncode == 1
    assert "no gateway stands before this route" in done.stdout
    (project.folder / "conftest.py").write_text(
        textwrap.dedent("""
        def pytest_guarita_attack(attack):
            attack.skip["token.missing"] = "the route outside is open on purpose"
    """)
    )
    done = project("--guarita-attack", "service:app", "-q", "-k", "outside and missing", "-rs")
    assert done.returncode == 0
    assert "open on purpose" in done.stdout
    (project.folder / "conftest.py").write_text(
        textwrap.dedent("""
        def pytest_guarita_attack(attack):
            attack.skip["token.mising"] = "a slip"
    """)
    )
    done = project("--guarita-attack", "service:app", "-q")
    assert done.returncode == 4
    assert "token.mising" in done.stderr


@pytest.mark.parametrize(
    ("app", "said"), [("servise:app", "no module 'servise'"), ("service:read", "is no ASGI application")]
)
def test_a_wrong_name_is_said_in_a_line(project, app, said):
    done = project("--guarita-attack", app, "-q")
    assert done.returncode == 4
    assert said in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_the_plugin_costs_nothing_where_it_is_not_asked_for():
    code = (
        "import sys, guarita.gateway.testing.plugin, guarita.gateway.testing\n"
        "print(sorted(n for n in sys.modules if n.startswith('guarita')))\n"
        "print(sorted({'jwt', 'cryptography', 'httpx', 'msgspec', 'starlette', 'fastapi', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True)
    ours, others = done.stdout.splitlines()
    assert ours == str(
        ["guarita", "guarita.gateway", "guarita.gateway.testing", "guarita.gateway.testing.plugin"]
    )
    assert others == "[]"


# The fixtures.


def test_somebody_is_signed_in_and_the_policy_decides(file, signed_in):
    app = guarded(plain_app(), file)
    client = TestClient(app)
    signed_in(app, "ana", scopes=["docs:read"])
    assert client.get("/docs/1").status_code == 200
    assert client.put("/docs/1", json={"title": "x"}).status_code == 403


def test_tokens_of_ours_are_taken_and_verified(file, credentials_for):
    app = guarded(plain_app(), file)
    client = TestClient(app)
    headers = credentials_for(app)
    ana = headers("ana", scopes=["docs:read"])
    assert client.get("/docs/1", headers=ana).status_code == 200
    assert client.get("/docs/1").status_code == 401
    assert client.get("/users/ana", headers=ana).status_code == 200
    assert client.get("/users/eva", headers=ana).status_code == 403
    eva = headers("eva", claims={"groups": ["writers"]}, issuer="https://id.example.com")
    assert client.put("/docs/1", headers=eva, json={"title": "x"}).status_code == 200
    with pytest.raises(UsageError, match="no gateway of this application"):
        headers("eva", issuer="https://elsewhere.example.com")


def test_every_attack_has_its_words():
    for attack in ATTACKS.values():
        assert re.fullmatch(r"[a-z]+\.[a-z-]+", attack.name)
        assert attack.what.endswith(".")
        assert len(attack.advice) > 20


PAGE = (Path(__file__).parents[2] / "docs/gateway-testing.md").read_text()


def test_the_page_lists_every_attack_as_it_is():
    rows = dict(re.findall(r"^\| `([a-z]+\.[a-z-]+)` \| (.*) \|$", PAGE, re.MULTILINE))
    wanted = {one.name: f"{one.what} | {one.advice[0].upper()}{one.advice[1:]}" for one in ATTACKS.values()}
    assert rows == wanted


def test_the_page_lists_every_fault_and_every_word_of_the_setup():
    table = PAGE.partition("| Fault |")[2]
    listed = {
        name
        for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", row)
    }
    assert listed == set(get_args(Fault))
    conftest = PAGE.partition("def pytest_guarita_attack(attack):")[2].partition("```")[0]
    for name in re.findall(r"attack\.([a-z_]+)", conftest):
        assert name in {*Setup.__annotations__, *vars(Setup)}, name
