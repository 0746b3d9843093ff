"""What a Starlette or FastAPI application answers, read from its own routes: to hold the access policy against it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from guarita.policy.access import Endpoint

_DEPTH: Final = 32
"""Applications within applications."""


def endpoints(app: Any) -> tuple[Endpoint, ...]:
    """Every method and path that an application answers, mounted applications and WebSockets among them.

    An application around it is looked through by its attribute `app`, as every ASGI middleware has one. One
    without routes may answer anything: that is one endpoint, `* /{path:path}`.
    """
    return tuple(dict.fromkeys(_within(app, "", 0)))


def _within(app: Any, prefix: str, depth: int) -> Iterator[Endpoint]:
    for _ in range(_DEPTH):
        if getattr(app, "routes", None) is not None or getattr(app, "app", None) is None:
            break
        app = app.app
    if hasattr(app, "matches") and hasattr(app, "path") and depth <= _DEPTH:
        # A route by itself, as a mount in a mount. (A router has `matches` too, and no path of its own.)
        yield from _of(app, prefix, depth + 1)
        return
    routes = getattr(app, "routes", None)
    if routes is None or depth > _DEPTH:
        yield Endpoint("*", f"{prefix}/{{path:path}}")
        return
    for route in routes:
        for one in _included(route):
            yield from _of(one, prefix, depth)
    if getattr(getattr(app, "router", app), "_low_priority_routes", None):
        # FastAPI's `frontend`: files for whatever nothing else answers, in no public list.
        yield Endpoint("*", f"{prefix}/{{path:path}}")


def _included(route: Any) -> Iterable[Any]:
    """The routes of a router that FastAPI keeps whole where it was included, with their whole paths."""
    if not hasattr(route, "effective_route_contexts"):
        return (route,)
    from fastapi.routing import iter_route_contexts  # noqa: PLC0415  # only where an application has brought it

    return iter_route_contexts([route])


def _of(route: Any, prefix: str, depth: int) -> Iterator[Endpoint]:
    path = getattr(route, "path", None) or ""
    inner = getattr(route, "app", None)
    if getattr(route, "endpoint", None) is None:
        # A mount or a host; of those that hold no routes nobody knows what they answer.
        yield from _within(inner if inner is not None else route, prefix + path.rstrip("/"), depth + 1)
        return
    methods = getattr(route, "methods", None)
    if methods is None:
        # A WebSocket's handshake is a GET (RFC 6455 section 4.1); a route without methods takes all.
        methods = (
            ("GET",)
            if "websocket" in type(getattr(route, "original_route", route)).__name__.lower()
            else ("*",)
        )
    for method in sorted(methods):
        yield Endpoint(method, prefix + path)
