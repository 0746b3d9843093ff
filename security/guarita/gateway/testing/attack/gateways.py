"""The gateways in an application, and which endpoints stand behind which."""

from __future__ import annotations

from typing import Any

from guarita.gateway.asgi import GatewayMiddleware
from guarita.gateway.core import Gateway
from guarita.gateway.endpoints import Answering, answering


def gateways(app: Any) -> list[Gateway]:
    """Each gateway of an application once, the outermost first."""
    return list(dict.fromkeys(one for found in answering(app) for one in before(found)))


def before(found: Answering) -> list[Gateway]:
    """The gateways that a request to an endpoint comes through."""
    standing = []
    for layer in found.way:
        if isinstance(layer, GatewayMiddleware):
            standing.append(layer.gateway)
        # What was added to a Starlette application, which puts it around itself at its first request.
        standing += [
            middleware.kwargs.get("gateway") or middleware.args[0]
            for middleware in getattr(layer, "user_middleware", ())
            if middleware.cls is GatewayMiddleware
        ]
    return standing
