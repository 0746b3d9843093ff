"""Calls to other services: tokens for this one (client credentials) or for who calls it (RFC 8693), kept and renewed."""

from guarita.gateway.clients.clients import Caller, Clients, ServiceClient
from guarita.gateway.clients.interface import (
    SubjectToken,
    TargetError,
    TokenRefusedError,
    TokenUnavailableError,
)

__all__ = [
    "Caller",
    "Clients",
    "ServiceClient",
    "SubjectToken",
    "TargetError",
    "TokenRefusedError",
    "TokenUnavailableError",
]
