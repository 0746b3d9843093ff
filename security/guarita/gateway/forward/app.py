"""The server's ASGI application: a path for each proxy, health for the orchestrator, and nothing else."""

from __future__ import annotations

from urllib.parse import quote

from guarita.gateway.asgi.answer import answer, invited
from guarita.gateway.asgi.request import NAMING, peer_of
from guarita.gateway.asgi.types import Receive, Scope, Send
from guarita.gateway.core import Gateway
from guarita.gateway.forward.contracts import CONTRACTS, must_be_declared, nginx
from guarita.gateway.grant import Grant
from guarita.gateway.refusal import RefusalError

LOGIN = b"x-guarita-login"
"""Where a browser logs in, for nginx to send it there."""
NOT_FOUND = b'{"title": "Not Found", "status": 404, "code": "forward.no-contract"}'


class ForwardAuth:
    """Answers a proxy: 200 with who calls, or the refusal. Envoy takes nothing but 200 for a yes."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(self._gateway, receive, send)
            return
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        path = scope["path"]
        if path == "/healthz":
            await _respond(send, 200, [], b"")
            return
        login = self._gateway.login
        if login is not None and login.serves(path):
            await login(scope, receive, send)
            return
        contract = CONTRACTS.get("/" + path[1:].partition("/")[0])
        if contract is None:
            await _respond(send, 404, [(b"content-type", b"application/problem+json")], NOT_FOUND)
            return
        request = None
        try:
            must_be_declared(scope, self._gateway.proxies)
            request = contract(scope, self._gateway.proxies)
            grant = await self._gateway.admit(request)
        except RefusalError as refusal:
            if request is None:
                self._gateway.turned_away(refusal, scope["method"], peer_of(scope))
            status, headers, body = answer(refusal, self._gateway)
            invitation = invited(refusal, self._gateway, request)
            if invitation is not None and contract is not nginx:
                status, headers, body = invitation
            elif invitation is not None:
                # nginx hands on nothing but the status, and takes the rest from headers of ours.
                headers += [(LOGIN, value) for name, value in invitation[1] if name == b"location"]
            await _respond(send, status, headers, body)
            return
        await _respond(send, 200, _who(grant), b"")


def _who(grant: Grant) -> list[tuple[bytes, bytes]]:
    """Who calls, as headers for what stands behind; what is not plain ASCII is percent-encoded (RFC 3986)."""
    principal = grant.principal
    said = (
        _plain(principal.subject),
        _plain(principal.issuer),
        _plain(principal.client_id),
        " ".join(map(_plain, sorted(principal.scopes))),
        " ".join(map(_plain, sorted(principal.roles))),
    )
    # Always all of them: a proxy that copies them then overwrites whatever the client sent.
    headers = [(name, value.encode()) for name, value in zip(NAMING, said, strict=True)]
    return [*headers, *grant.headers]


def _plain(value: str) -> str:
    """A value without spaces: those part scopes and roles."""
    return quote(value, safe="!#$&'()*+,/:;=?@[]~|")


async def _respond(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    if not any(name == b"content-length" for name, _ in headers):
        headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _live(gateway: Gateway, receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await gateway.start()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await gateway.aclose()
            await send({"type": "lifespan.shutdown.complete"})
            return
