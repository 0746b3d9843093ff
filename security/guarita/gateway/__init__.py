"""The gateway: who may call what, decided in the service or in front of it, closed when in doubt."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_WHERE = {"Gateway": "core", "GatewayMiddleware": "asgi", "Principal": "interface"}
"""What does not stand in `refusal`."""


def __getattr__(name: str) -> Any:
    # Loaded when it is asked for (PEP 562): whoever wants a part, as every run of pytest does, pays for that alone.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_WHERE.get(name, 'refusal')}"), name)
