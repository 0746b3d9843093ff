"""What the gateway adds to a request of an application, in one process and without a network, in time of its CPU."""

import asyncio
import statistics
import time
from collections.abc import Callable
from typing import Annotated, Any

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from harness import Bench
from minting import AUDIENCE, ISSUER, claims, header, new_key, sign
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from guarita.gateway import Gateway, GatewayMiddleware
from guarita.gateway.fastapi import requires
from guarita.gateway.interface import Authenticator, Principal
from guarita.policy import access

POLICY = b"""
gateway:
  access:
    roles: {reader: {allow: ["docs:read"]}}
    bindings: [{role: reader, scope: "docs:read"}]
    routes: [{path: "/docs/{number}", methods: [GET], permissions: ["docs:read"]}]
"""
SEEN_BAR = 4.0
"""Microseconds."""


class Known(Authenticator):
    """Whoever says so: what is measured is the gateway."""

    name = "jwt"
    by_authorization = True

    async def authenticate(self, request: object) -> Principal:  # noqa: ARG002
        return Principal("ana", issuer=ISSUER, scopes=frozenset({"docs:read"}), authenticator=self.name)


def requests_of(app: Callable, token: bytes) -> Callable[[int], float]:
    """A function that makes so many requests and gives the microseconds of one."""
    headers = [(b"host", b"api"), (b"accept", b"*/*"), (b"user-agent", b"bench"), (b"authorization", token)]

    async def receive() -> dict:
        return {"type": "http.request", "body": b""}

    async def send(message: dict) -> None:
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise SystemExit(f"the benchmark's request was answered {message['status']}")

    def scope() -> dict:
        return {
            "type": "http", "method": "GET", "path": "/docs/42", "raw_path": b"/docs/42", "query_string": b"",
            "headers": headers, "client": ("127.0.0.1", 1), "server": ("api", 443), "scheme": "https",
            "http_version": "1.1", "root_path": "",
        }  # fmt: skip

    async def run(count: int) -> float:
        scopes = [scope() for _ in range(count)]
        started = time.process_time()
        for one in scopes:
            await app(one, receive, send)
        return (time.process_time() - started) / count * 1e6

    return lambda count: asyncio.run(run(count))


def gateway() -> Gateway:
    """A gateway that knows one caller."""
    return Gateway(access.parse(POLICY, "bench"), [Known()])


def starlette(bench: Bench, rounds: int, count: int) -> None:
    """The middleware over bare Starlette, for a credential seen before: the median over pairs of runs."""

    async def answer(_: object) -> PlainTextResponse:
        return PlainTextResponse("ok")

    bare = Starlette(routes=[Route("/docs/{number}", answer)])
    token = b"Bearer " + b"x" * 700
    plain, guarded = requests_of(bare, token), requests_of(GatewayMiddleware(bare, gateway()), token)
    plain(count), guarded(count)
    added = statistics.median(guarded(count) - plain(count) for _ in range(rounds))
    bench.add("added to a request, token seen before", added, "us", at_most=SEEN_BAR)


def fastapi(bench: Bench, rounds: int, count: int) -> None:
    """Both halves of the gateway in FastAPI, against the usual dependency that decodes by PyJWT."""
    key = new_key("RS256")
    public = key.public_key()
    token = b"Bearer " + sign(key, header("RS256"), claims())

    async def user(
        credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())],
    ) -> dict[str, Any]:
        try:
            said = jwt.decode(
                credentials.credentials,
                public,
                ["RS256"],
                {"require": ["exp", "sub"]},
                audience=AUDIENCE,
                issuer=ISSUER,
            )
        except jwt.InvalidTokenError:
            raise HTTPException(401) from None
        if "docs:read" not in said.get("scope", "").split():
            raise HTTPException(403)
        return said

    bare, usual, ours = FastAPI(), FastAPI(), FastAPI()

    @bare.get("/docs/{number}")
    async def read_bare(number: int) -> dict[str, int]:
        return {"number": number}

    @usual.get("/docs/{number}")
    async def read_usual(number: int, _: Annotated[dict, Depends(user)]) -> dict[str, int]:
        return {"number": number}

    @ours.get("/docs/{number}")
    async def read_ours(
        number: int, _: Annotated[Principal, Depends(requires("docs:read"))]
    ) -> dict[str, int]:
        return {"number": number}

    ours.add_middleware(GatewayMiddleware, gateway=gateway())
    runs = [requests_of(app, token) for app in (bare, usual, ours)]
    for run in runs:
        run(count // 4)
    times = [[run(count // 4) for run in runs] for _ in range(rounds)]
    by_usual = statistics.median(usual - bare for bare, usual, _ in times)
    by_ours = statistics.median(ours - bare for bare, _, ours in times)
    bench.add("added in FastAPI by the usual Depends with PyJWT, RS256", by_usual, "us")
    bench.add("added in FastAPI by middleware and requires(...)", by_ours, "us")
    bench.add("FastAPI: ours / the usual Depends", by_ours / by_usual, "ratio", at_most=1.0)
