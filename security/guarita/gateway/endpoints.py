"""What a Starlette or FastAPI application answers, read from its own routes: to hold the access policy against it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from guarita.policy.access import Endpoint

_DEPTH: Final = 32
"""Applications within applications."""


@dataclass(frozen=True, slots=True)
class Answering:
    """An endpoint, and what in the application answers there."""

    endpoint: Endpoint
    route: Any = field(repr=False)
    """The route, or the mount of an application that holds none; None for an application whose routes nobody knows."""
    socket: bool = False
    """Whether it is a WebSocket."""
    way: tuple[Any, ...] = field(default=(), repr=False)
    """The applications and middlewares that a request to it comes through, the outermost first."""


def endpoints(app: Any) -> tuple[Endpoint, ...]:
    """Every method and path that an application answers, mounted applications and WebSockets among them.

    An application around it is looked through by its attribute `app`, as every ASGI middleware has one. One
    without routes may answer anything: that is one endpoint, `* /{path:path}`.
    """
    return tuple(dict.fromkeys(one.endpoint for one in answering(app)))


def answering(app: Any) -> Iterator[Answering]:
    """Every endpoint with its route. As `endpoints`."""
    return _within(app, "", ())


def layers(app: Any) -> tuple[Any, ...]:
    """An application, and what is in it by its attribute `app`: to the first that has routes, or has nothing in it."""
    found = [app]
    while (
        len(found) < _DEPTH and getattr(app, "routes", None) is None and getattr(app, "app", None) is not None
    ):
        app = app.app
        found.append(app)
    return tuple(found)


def _within(app: Any, prefix: str, way: tuple[Any, ...], mount: Any = None) -> Iterator[Answering]:
    way = (*way, *layers(app))
    app = way[-1]
    shallow = len(way) <= _DEPTH
    if hasattr(app, "matches") and hasattr(app, "path") and shallow:
        # A route by itself, as a mount in a mount. (A router has `matches` too, and no path of its own.)
        yield from _of(app, prefix, way)
        return
    routes = getattr(app, "routes", None)
    if routes is None or not shallow:
        yield Answering(Endpoint("*", f"{prefix}/{{path:path}}"), mount, way=way)
        return
    for route in routes:
        for one in _included(route):
            yield from _of(one, prefix, way)
    if getattr(getattr(app, "router", app), "_low_priority_routes", None):
        # FastAPI's `frontend`: files for whatever nothing else answers, in no public list.
        yield Answering(Endpoint("*", f"{prefix}/{{path:path}}"), mount, way=way)


def _included(route: Any) -> Iterable[Any]:
    """The routes of a router that FastAPI keeps whole where it was included, with their whole paths."""
    if not hasattr(route, "effective_route_contexts"):
        return (route,)
    from fastapi.routing import iter_route_contexts  # noqa: PLC0415  # only where an application has brought it

    return iter_route_contexts([route])


def _of(route: Any, prefix: str, way: tuple[Any, ...]) -> Iterator[Answering]:
    path = getattr(route, "path", None) or ""
    mounted = getattr(route, "app", None)
    if getattr(route, "endpoint", None) is None:
        # A mount or a host; of those that hold no routes nobody knows what they answer.
        inside = mounted if mounted is not None else route
        yield from _within(inside, prefix + path.rstrip("/"), way, route)
        return
    methods = getattr(route, "methods", None)
    # A WebSocket's handshake is a GET (RFC 6455 section 4.1); a route without methods takes all.
    socket = methods is None and "websocket" in type(getattr(route, "original_route", route)).__name__.lower()
    way = (*way, *layers(mounted))
    for method in ("GET",) if socket else sorted(methods or ("*",)):
        yield Answering(Endpoint(method, prefix + path), route, socket, way)
