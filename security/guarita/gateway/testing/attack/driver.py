"""Runs an ASGI application in a thread with an event loop of its own, and sends it requests as a server would.

No server stands between: what a client library or a server would tidy up arrives as it was written.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, Final, Self, TypeVar
from urllib.parse import unquote

from guarita.errors import UsageError
from guarita.gateway.asgi.types import Message, Scope
from guarita.gateway.testing.attack.interface import Answer, Sent
from guarita.gateway.testing.attack.probes import RECORD

T = TypeVar("T")
PATIENCE: Final = 10.0
"""Seconds that a request may take."""
STARTING: Final = 60.0
"""Seconds that the application may take to start."""
MAX_BODY: Final = 262_144
"""Bytes of an answer that are looked at; whoever sends more hears that the client has gone."""
_ACCEPTED, _CLOSED, _BROKEN = 101, 403, 500


class Driver:
    """`with Driver(app) as driver:` … `driver.send(request)`. One request at a time."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="guarita-attack", daemon=True)
        self._lifespan = _Lifespan(app)
        self.count = 0
        """Requests that were sent."""

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._run(self._lifespan.start(), STARTING)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(TimeoutError):
            self._run(self._lifespan.stop(), STARTING)
        self._end()

    def send(self, sent: Sent) -> Answer:
        """What the application answers, and which of its endpoints the request came to."""
        self.count += 1
        exchange = _Socket(sent) if sent.socket else _Http(sent)
        return self._run(exchange.made(self._app), PATIENCE + STARTING)

    def _run(self, work: Awaitable[T], seconds: float) -> T:
        async def awaited() -> T:
            return await work

        running: Future[T] = asyncio.run_coroutine_threadsafe(awaited(), self._loop)
        return running.result(seconds)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        if not self._thread.is_alive():
            self._loop.close()


class _Lifespan:
    """The application's start and end. One that knows of neither is run without."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._said: asyncio.Queue[Message] = asyncio.Queue()
        self._heard: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self._task = asyncio.ensure_future(self._app(scope, self._heard.get, self._said.put))
        await self._heard.put({"type": "lifespan.startup"})
        message = await self._next()
        if message is not None and message["type"] == "lifespan.startup.failed":
            await asyncio.gather(self._task, return_exceptions=True)
            raise UsageError("attack.start", f"the application does not start: {message.get('message', '')}")

    async def stop(self) -> None:
        if self._task is not None and not self._task.done():
            await self._heard.put({"type": "lifespan.shutdown"})
            await self._next()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _next(self) -> Message | None:
        """What it says next; None where it ended without a word."""
        assert self._task is not None  # noqa: S101  # made by `start`
        saying = asyncio.ensure_future(self._said.get())
        await asyncio.wait({saying, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if saying.done():
            return saying.result()
        saying.cancel()
        return None


class _Http:
    """One request and its answer."""

    def __init__(self, sent: Sent) -> None:
        self._sent = sent
        self._asked = False
        self._over = asyncio.Event()
        self._status = 0
        self._body = bytearray()

    async def made(self, app: Any) -> Answer:
        """Run the application for it."""
        reached: list[Any] = []
        RECORD.set(reached)
        error, hung = "", False
        try:
            async with asyncio.timeout(PATIENCE):
                await app(self.scope(), self.receive, self.send)
        except TimeoutError:
            hung = not self._over.is_set()
        except Exception as failure:  # noqa: BLE001  # whatever the application does, it is the finding
            error = _described(failure)
        return Answer(self._status or _BROKEN, bytes(self._body), tuple(dict.fromkeys(reached)), error, hung)

    def scope(self) -> Scope:
        """As uvicorn makes it of these bytes."""
        raw, _, query = self._sent.target.partition("?")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": self._sent.method,
            "scheme": "http",
            "path": unquote(raw),
            "raw_path": raw.encode("ascii"),
            "query_string": query.encode("ascii"),
            "root_path": "",
            "headers": [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in self._sent.headers
            ],
            "client": (self._sent.client, 4711),
            "server": ("testserver", 80),
            "state": {},
        }

    async def receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": self._sent.body, "more_body": False}
        await self._over.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")[: MAX_BODY - len(self._body)]
            if not message.get("more_body") or len(self._body) >= MAX_BODY:
                self._over.set()


class _Socket(_Http):
    """One WebSocket handshake. What is accepted is closed again at once."""

    def scope(self) -> Scope:
        scope = super().scope()
        del scope["method"]
        offered = [value for name, value in self._sent.headers if name.lower() == "sec-websocket-protocol"]
        return {
            **scope,
            "type": "websocket",
            "scheme": "ws",
            "subprotocols": [part.strip() for value in offered for part in value.split(",")],
            "extensions": {"websocket.http.response": {}},
        }

    async def receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "websocket.connect"}
        await self._over.wait()
        return {"type": "websocket.disconnect", "code": 1001}

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            self._status = _ACCEPTED
            self._over.set()
        elif kind == "websocket.close":
            self._status = self._status or _CLOSED
            self._over.set()
        elif kind == "websocket.http.response.start":
            self._status = message["status"]
        elif kind == "websocket.http.response.body":
            self._body += message.get("body", b"")
            self._over.set()


def _described(failure: Exception) -> str:
    """The kind of an exception and where it was raised. Not its text: the request may stand in it."""
    frames = traceback.extract_tb(failure.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(failure).__name__}{place}"


Send = Callable[[Sent], Answer]
"""How attacks are sent."""
