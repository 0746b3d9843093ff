"""The gateway: who may call what, decided in the service or in front of it, closed when in doubt."""

from guarita.gateway.asgi import GatewayMiddleware
from guarita.gateway.core import Gateway
from guarita.gateway.interface import Principal
from guarita.gateway.refusal import ForbiddenError, RefusalError, TokenError, UndecidedError

__all__ = [
    "ForbiddenError",
    "Gateway",
    "GatewayMiddleware",
    "Principal",
    "RefusalError",
    "TokenError",
    "UndecidedError",
]
