"""What this service says about itself: protected resource metadata (RFC 9728)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

_WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"


@dataclass(frozen=True, slots=True)
class ProtectedResource:
    """The metadata document, and where it stands."""

    resource: str
    """The service's identifier: an https address without a fragment (section 1.2)."""
    issuers: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    name: str = ""
    documentation: str = ""
    dpop_algorithms: tuple[str, ...] = ()
    bound_required: bool = False
    certificates: bool = False
    """Whether certificate-bound tokens (RFC 8705) are understood."""

    @property
    def path(self) -> str:
        """Where it is served (section 3.1): between host and path of the identifier."""
        return _WELL_KNOWN + urlsplit(self.resource).path.rstrip("/")

    @property
    def url(self) -> str:
        """Its whole address, for `resource_metadata` in a challenge (section 5.1)."""
        parts = urlsplit(self.resource)
        query = f"?{parts.query}" if parts.query else ""
        return f"{parts.scheme}://{parts.netloc}{self.path}{query}"

    def document(self) -> bytes:
        """The document, as `application/json` (section 3.2). What is empty or false is left out."""
        members: dict[str, Any] = {
            "resource": self.resource,
            "authorization_servers": _list(self.issuers),
            "scopes_supported": _list(self.scopes),
            "bearer_methods_supported": ["header"],
            "resource_name": self.name,
            "resource_documentation": self.documentation,
            "dpop_signing_alg_values_supported": _list(self.dpop_algorithms),
            "dpop_bound_access_tokens_required": self.bound_required and bool(self.dpop_algorithms),
            "tls_client_certificate_bound_access_tokens": self.certificates,
        }
        return json.dumps({name: value for name, value in members.items() if value}).encode()


def _list(values: Iterable[str]) -> list[str]:
    return list(values)
