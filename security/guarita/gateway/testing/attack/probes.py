"""Probes in an application's endpoints: which of them a request came to, whatever it was answered.

Of a FastAPI endpoint what counts is that its function was called, after all of its dependencies; of a Starlette route
or of a mounted application, that it was asked.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from guarita.gateway.asgi.types import App, Receive, Scope, Send
from guarita.gateway.endpoints import Answering
from guarita.gateway.testing.attack.interface import Reached

RECORD: ContextVar[list[Reached]] = ContextVar("guarita_attack_reached")
"""What the request under way has reached."""
_ARRIVED: ContextVar[tuple[str, str]] = ContextVar("guarita_attack_arrived", default=("", ""))
"""Method and path, as the route was asked."""


class Probe:
    """An ASGI application that notes that it was asked."""

    def __init__(self, app: App, name: str, *, counts: bool) -> None:
        """With `counts` to be asked is to be reached; otherwise a function further in tells."""
        self.app = app
        self._name = name
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        arrived = scope.get("method", "GET"), scope["path"]
        _ARRIVED.set(arrived)
        if self._counts:
            RECORD.get([]).append(Reached(self._name, *arrived))
        await self.app(scope, receive, send)


def probed(found: Answering) -> bool:
    """Put a probe at an endpoint. False where there is nothing that could hold one."""
    route = getattr(found.route, "_effective_route", found.route)
    if route is None or not callable(getattr(route, "app", None)):
        return False
    if isinstance(route.app, Probe):
        return True  # of another method of the same route
    name = _name(getattr(route, "endpoint", None) or route.app)
    dependant = getattr(route, "dependant", None)
    inside = getattr(dependant, "call", None)
    if dependant is not None and callable(inside):
        dependant.call = _noting(inside, name)
    route.app = Probe(route.app, name, counts=inside is None)
    return True


def _noting(call: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The endpoint's function, of the same kind, which notes that it was called."""

    def note() -> None:
        RECORD.get([]).append(Reached(name, *_ARRIVED.get()))

    if inspect.iscoroutinefunction(call):

        @functools.wraps(call)
        async def later(*values: Any, **named: Any) -> Any:
            note()
            return await call(*values, **named)

        return later

    @functools.wraps(call)
    def now(*values: Any, **named: Any) -> Any:
        note()
        return call(*values, **named)

    return now


def _name(endpoint: Any) -> str:
    while isinstance(endpoint, functools.partial):
        endpoint = endpoint.func
    return str(getattr(endpoint, "__qualname__", None) or type(endpoint).__name__)
