"""The middleware: what was decided a moment ago passes at once, all else is decided, and a refusal ends here."""

from __future__ import annotations

import logging
from time import monotonic

from guarita.errors import GuaritaError
from guarita.gateway.asgi.answer import answer, invited
from guarita.gateway.asgi.coverage import uncovered
from guarita.gateway.asgi.request import WATCHED, peer_of, request_of
from guarita.gateway.asgi.socket import guard
from guarita.gateway.asgi.types import App, Message, Receive, Scope, Send
from guarita.gateway.core import Gateway, Metrics
from guarita.gateway.grant import Grant
from guarita.gateway.interface import ANONYMOUS
from guarita.gateway.proxies import FORWARDED
from guarita.gateway.refusal import RefusalError

LOG = logging.getLogger("guarita.gateway")
MAX_REMEMBERED = 8_192
"""Grants remembered; the oldest quarter goes when it is full."""
MAX_KEY = 4_096
"""Bytes of credential and path that are remembered together."""
KEY = "guarita.grant"
"""Where a grant stands in the scope for what comes after."""
GATEWAY = "guarita.gateway"
"""Where the gateway that gave it stands."""

_QUICK = WATCHED | {b"host"}
"""Headers that the quick way looks at."""
_Seen = tuple[bytes | None, str, bytes, str]


class GatewayMiddleware:
    """Lets through what the gateway admits. Pure ASGI: bodies stream, contexts stay, nothing is buffered.

    The grant stands in the scope under `guarita.grant`. For HTTP a grant that hangs on `Authorization` alone is
    remembered by the exact bytes of credential, method and path, until it ends, or something changes. Two
    spellings of a token are two entries, each decided by itself.
    """

    def __init__(self, app: App, gateway: Gateway) -> None:
        self.app = app
        self._gateway = gateway
        self._remembered: dict[_Seen, Grant] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            grant = self._quickly(scope)
            if grant is not None:
                self._gateway.meter.remembered(grant.rule)
            else:
                grant = await self._decided(scope, receive, send)
                if grant is None:
                    return
            metrics = self._gateway.metrics
            if metrics is not None and scope["path"] == metrics.path:
                await _expose(metrics, scope, send)
                return
            scope[KEY] = grant
            scope[GATEWAY] = self._gateway
            await self.app(scope, receive, _adding(send, grant.headers) if grant.headers else send)
        elif kind == "websocket":
            scope[GATEWAY] = self._gateway
            await guard(self.app, self._gateway, scope, receive, send)
        elif kind == "lifespan":
            await self.app(scope, receive, self._living(send))
        else:
            raise NotImplementedError(f"the gateway cannot judge what is of type {kind}")

    @property
    def gateway(self) -> Gateway:
        """Who decides."""
        return self._gateway

    def _quickly(self, scope: Scope) -> Grant | None:
        """The grant of a moment ago, by one look over the headers and one into a table."""
        credential = host = None
        for name, value in scope["headers"]:
            if name in _QUICK:
                if name == b"authorization" and credential is None:
                    credential = value
                elif name == b"host" and host is None:
                    host = value
                elif name not in FORWARDED or not self._trusted(scope):
                    return None
        # The path beside its bytes: something in front may have changed the one and not the other.
        key = (credential, scope["method"], scope.get("raw_path"), scope["path"])
        grant = self._remembered.get(key)  # type: ignore[arg-type]  # a missing raw_path is never a key
        if grant is None or grant.until <= monotonic() or grant.epoch is not self._gateway.epoch:
            return None
        return grant

    def _living(self, send: Send) -> Send:
        """Begin with the application, and end after it; say which of its routes no rule covers."""
        failed = False

        async def living(message: Message) -> None:
            nonlocal failed
            if failed:
                return  # the application's own word comes too late
            if message["type"] == "lifespan.startup.complete":
                open_routes = uncovered(self.app, self._gateway.policy)
                if open_routes:
                    said = f"no rule of gateway.access covers {', '.join(open_routes)}: refused to everybody"
                    if self._gateway.refuses_uncovered:
                        failed = True
                        # Both are needed: some servers go on after an error alone, some wait after the word alone.
                        await send({"type": "lifespan.startup.failed", "message": said})
                        raise GuaritaError("gateway.uncovered", said)
                    LOG.warning("%s", said)
                await self._gateway.start()
            if message["type"].startswith("lifespan.shutdown."):
                await self._gateway.aclose()
            await send(message)

        return living

    def _trusted(self, scope: Scope) -> bool:
        return self._gateway.proxies.trusts(peer_of(scope))

    async def _decided(self, scope: Scope, receive: Receive, send: Send) -> Grant | None:
        """The grant, or None after the refusal, or what the gateway says of itself, was sent."""
        login = self._gateway.login
        if login is not None and login.serves(scope["path"]):
            await login(scope, receive, send)
            return None
        metadata = self._gateway.metadata
        if metadata is not None and scope["path"] == metadata[0] and scope["method"] in {"GET", "HEAD"}:
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(metadata[1]))]
            body = metadata[1] if scope["method"] == "GET" else b""
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return None
        request = None
        try:
            request = request_of(scope, self._gateway.proxies)
            grant = await self._gateway.admit(request)
        except RefusalError as refusal:
            if request is None:
                self._gateway.turned_away(refusal, scope["method"], peer_of(scope))
            status, headers, body = invited(refusal, self._gateway, request) or answer(refusal, self._gateway)
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return None
        self._remember(scope, grant)
        return grant

    def _remember(self, scope: Scope, grant: Grant) -> None:
        raw_path = scope.get("raw_path")
        found = {name: value for name, value in scope["headers"] if name in WATCHED and name not in FORWARDED}
        credential = found.pop(b"authorization", None)
        if found or raw_path is None or not self._gateway.remembers or not grant.reusable:
            return
        if len(credential or b"") + len(raw_path) > MAX_KEY:
            return
        if credential is not None and grant.principal is ANONYMOUS:
            return  # on a public route anybody could fill the table with credentials that nobody looked at
        if len(self._remembered) >= MAX_REMEMBERED:
            for key in list(self._remembered)[: MAX_REMEMBERED // 4]:
                del self._remembered[key]
        self._remembered[credential, scope["method"], raw_path, scope["path"]] = grant


async def _expose(metrics: Metrics, scope: Scope, send: Send) -> None:
    kind, text = metrics.exposition()
    headers = [
        (b"content-type", kind),
        (b"content-length", b"%d" % len(text)),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text if scope["method"] != "HEAD" else b""})


def _adding(send: Send, headers: tuple[tuple[bytes, bytes], ...]) -> Send:
    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *headers]}
        await send(message)

    return adding
