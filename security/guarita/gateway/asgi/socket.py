"""WebSockets: refused before they are accepted, and closed when what they rest on ends."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

from guarita.gateway.asgi.answer import answer
from guarita.gateway.asgi.request import peer_of, request_of
from guarita.gateway.asgi.types import App, Message, Receive, Scope, Send
from guarita.gateway.core import Gateway
from guarita.gateway.grant import Grant
from guarita.gateway.interface import Request
from guarita.gateway.refusal import RefusalError

POLICY_VIOLATION = 1008
"""Close code of RFC 6455 section 7.4.1."""
RECHECK = 5.0
"""Seconds between two looks at whether anything changed."""
CLEARING = 10.0
"""Seconds that an application may take to end after its socket was closed; then it is cancelled."""


async def guard(app: App, gateway: Gateway, scope: Scope, receive: Receive, send: Send) -> None:
    """Run the application for an admitted socket, and close it when the grant no longer holds.

    A refusal before the handshake is answered as HTTP where the server can (the extension
    `websocket.http.response`), and by a close otherwise, which servers turn into 403.
    """
    request = None
    try:
        request = request_of(scope, gateway.proxies)
        grant = await gateway.admit(request)
    except RefusalError as refusal:
        if request is None:
            gateway.turned_away(refusal, "GET", peer_of(scope))
        await _refuse(refusal, gateway, scope, receive, send)
        return
    scope["guarita.grant"] = grant
    gateway.meter.sockets(1)
    session = _Session(gateway, receive, send)
    application = asyncio.ensure_future(app(scope, session.receive, session.send))
    watching = asyncio.ensure_future(session.watch(grant, request))
    try:
        await asyncio.wait({application, watching}, return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            await session.end()
        if not application.done():
            # The socket is closed. The application hears of it as of any disconnect, and may clear up.
            await asyncio.wait({application}, timeout=CLEARING)
        if application.done():
            application.result()
        if watching.done():
            watching.result()  # a fault of ours ended it
    finally:
        for task in (application, watching):
            task.cancel()
        gateway.meter.sockets(-1)
        # Not by `gather`, which makes a new CancelledError of one that comes meanwhile: whoever cancels by anyio, as
        # much of what stands around an application does, would not know it for its own.
        await asyncio.wait({application, watching})


class _Session:
    """One admitted socket: what passes between server and application, until it is closed from here."""

    def __init__(self, gateway: Gateway, receive: Receive, send: Send) -> None:
        self._gateway = gateway
        self._receive = receive
        self._send = send
        self._ended = asyncio.Event()
        self._lock = asyncio.Lock()

    async def receive(self) -> Message:
        """The next message, or a disconnect once the socket was closed from here."""
        arriving = asyncio.ensure_future(self._receive())
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait({arriving, ended}, return_when=asyncio.FIRST_COMPLETED)
            if self._ended.is_set():
                return {
                    "type": "websocket.disconnect",
                    "code": POLICY_VIOLATION,
                    "reason": "no longer admitted",
                }
            return arriving.result()
        finally:
            for task in (arriving, ended):
                task.cancel()

    async def send(self, message: Message) -> None:
        """Send, unless the socket was closed from here: then nothing more leaves."""
        async with self._lock:
            if not self._ended.is_set():
                await self._send(message)

    async def watch(self, grant: Grant, request: Request) -> None:
        """Return when its grant ended, was revoked, or is no longer given."""
        epoch = grant.epoch
        while True:
            expires = grant.principal.expires
            left = RECHECK if expires is None else min(RECHECK, expires - self._gateway.clock())
            await asyncio.sleep(max(0.0, left))
            ended = expires is not None and expires <= self._gateway.clock()
            if ended:
                return
            self._gateway.refresh()
            if grant.principal.revisit or self._gateway.epoch is not epoch:
                epoch = self._gateway.epoch
                try:
                    await self._gateway.confirm(replace(request, again=True))
                except RefusalError:
                    return

    async def end(self) -> None:
        """Close the socket from here: nothing passes any more, even to a client that takes nothing."""
        self._ended.set()
        closing = {"type": "websocket.close", "code": POLICY_VIOLATION, "reason": "no longer admitted"}
        with contextlib.suppress(Exception):
            async with asyncio.timeout(CLEARING), self._lock:
                await self._send(closing)


async def _refuse(
    refusal: RefusalError, gateway: Gateway, scope: Scope, receive: Receive, send: Send
) -> None:
    await receive()  # `websocket.connect` comes first
    if "websocket.http.response" in scope.get("extensions", {}):
        status, headers, body = answer(refusal, gateway)
        await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body})
    else:
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": refusal.code})
