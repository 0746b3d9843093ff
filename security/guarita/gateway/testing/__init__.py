"""For tests of services behind the gateway: a local issuer, principals at will, and attacks on the whole application.

What of it is a fixture, and `pytest --guarita-attack`, comes with the plugin that every pytest finds by itself.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guarita.gateway.testing.issuer import LocalIssuer
    from guarita.gateway.testing.principals import as_principal
    from guarita.gateway.testing.provider import LocalProvider

__all__ = ["LocalIssuer", "LocalProvider", "as_principal"]

_WHERE = {"LocalIssuer": "issuer", "LocalProvider": "provider", "as_principal": "principals"}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
