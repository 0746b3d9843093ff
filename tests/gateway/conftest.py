import dataclasses
import os

import psycopg
import pytest
import redisserver
import servers
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute

from guarita.gateway.core import Gateway
from guarita.gateway.interface import Authenticator, Principal
from guarita.gateway.refusal import RefusalError, TokenError
from guarita.gateway.testing.fixtures import local_issuer  # noqa: F401  # a fixture for all modules here


@dataclasses.dataclass(frozen=True)
class Decision:
    allowed: bool
    code: str = "access.granted"
    rule: str = "rule-1"
    public: bool = False
    privileged: bool = False


@dataclasses.dataclass(frozen=True)
class Held:
    roles: frozenset


class TablePolicy:
    """Rules as a table: (method, path) to a set of scopes, of which one is needed; an empty set is public."""

    def __init__(self, rules):
        self.rules = rules
        self.digest = "test"
        self.asked = 0

    def grant(self, principal):
        return Held(principal.scopes)

    def decide(self, principal, method, path, grant=None):
        self.asked += 1
        scopes = self.rules.get((method, path))
        if scopes is None:
            return Decision(False, "access.no-rule", "")
        if not scopes:
            return Decision(True, public=True)
        if principal is None or not scopes & principal.scopes:
            return Decision(False, "access.missing-permission")
        return Decision(True, privileged="admin" in scopes)


class Letters(Authenticator):
    """`Bearer NAME scope scope`: a credential that a test can read."""

    name = "jwt"
    by_authorization = True

    def __init__(self):
        self.revoked = set()
        self.expires = None
        self.asked = 0

    async def authenticate(self, request):
        value = request.header(b"authorization")
        if value is None or not value.lower().startswith(b"bearer "):
            return None
        self.asked += 1
        subject, *scopes = value[7:].decode().split(" ")
        if subject in self.revoked or subject == "bad":
            raise TokenError("token.revoked", "the token was revoked")
        if subject == "bug":
            raise ZeroDivisionError
        return Principal(
            subject,
            scopes=frozenset(scopes),
            authenticator=self.name,
            expires=self.expires,
            credential_id=subject,
        )


class Recorder:
    def __init__(self):
        self.granted_to, self.refused_with = [], []

    def ready(self):
        pass

    def granted(self, grant, request):
        self.granted_to.append((grant.principal.subject, request.path))

    def refused(self, refusal: RefusalError, request, principal):
        self.refused_with.append((refusal.code, request.path, principal.subject if principal else None))


RULES = {
    ("GET", "/health"): set(),
    ("GET", "/docs"): {"docs:read"},
    ("GET", "/who"): {"docs:read", "docs:write"},
    ("POST", "/docs"): {"docs:write"},
    ("GET", "/admin"): {"admin"},
    ("GET", "/stream"): {"docs:read"},
    ("GET", "/socket"): {"docs:read"},
}


@pytest.fixture
def letters():
    return Letters()


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def policy():
    return TablePolicy(RULES)


@pytest.fixture
def gateway(letters, recorder, policy):
    return Gateway(policy, [letters], reporter=recorder)


async def who(request):
    return PlainTextResponse(request.scope["guarita.grant"].principal.subject)


async def stream(request):
    async def pieces():
        for _ in range(3):
            yield b"piece"

    return StreamingResponse(pieces())


async def socket(websocket):
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text.upper())


@pytest.fixture
def application():
    paths = ("/health", "/docs", "/who", "/admin", "/open", "/caf\N{LATIN SMALL LETTER E WITH ACUTE}")
    routes = [Route(path, who, methods=["GET", "POST"]) for path in paths]
    return Starlette(routes=[*routes, Route("/stream", stream), WebSocketRoute("/socket", socket)])


@pytest.fixture(scope="session")
def openbao(tmp_path_factory):
    with servers.openbao(tmp_path_factory.mktemp("bao")) as (address, _):
        yield address


@pytest.fixture(scope="session")
def postgres():
    with servers.postgres() as server:
        yield server


@pytest.fixture
def database(postgres):
    """The URL of an empty database."""
    name = f"t{os.urandom(6).hex()}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgres.url().replace("/postgres?", f"/{name}")


@pytest.fixture
def redis(tmp_path):
    """A Redis of the test's own, which it may harm."""
    with redisserver.redis(tmp_path) as server:
        yield server
