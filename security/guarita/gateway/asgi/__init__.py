"""The gateway as pure ASGI middleware: HTTP, and WebSockets from before they are accepted until they end."""

from guarita.gateway.asgi.middleware import GatewayMiddleware

__all__ = ["GatewayMiddleware"]
