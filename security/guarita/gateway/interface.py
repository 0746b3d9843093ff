"""The seams of the gateway: what a request is, who a principal is, and how one becomes the other."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from guarita.gateway.refusal import RefusalError

Headers = Sequence[tuple[bytes, bytes]]
"""Names in lower case, values as they came (ASGI's form)."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request, as far as a decision depends on it. The path is canonical: see `guarita.gateway.paths`."""

    method: str
    path: str
    """Decoded once, absolute, without dot segments: `/docs/42`."""
    headers: Headers = field(repr=False)
    scheme: str = "https"
    host: str = ""
    """As the client named it, from `Host` or a declared proxy; with the port where one stands there."""
    query: bytes = b""
    client: str = ""
    """The client's address: the peer's, or what a declared proxy says. Empty where there is none."""
    certificate: str = ""
    """`x5t#S256` of the client's certificate (RFC 8705 section 3.1), from the server or a declared proxy."""
    websocket: bool = False
    """Whether a WebSocket is to be opened (RFC 6455 section 4.1), which browsers allow from any site."""
    again: bool = False
    """Whether this was admitted before, and is asked about anew while its connection lasts."""

    def header(self, name: bytes) -> bytes | None:
        """The value of a header that may stand once, or None.

        Raises RefusalError `request.repeated-header` where it stands twice: two readers might take two.
        """
        found = [value for key, value in self.headers if key == name]
        if len(found) > 1:
            raise RepeatedHeaderError(name.decode("latin-1"))
        return found[0] if found else None

    @property
    def url(self) -> str:
        """The target URI without query and fragment (RFC 9449 section 4.2, `htu`)."""
        return f"{self.scheme}://{self.host}{self.path}"


class RepeatedHeaderError(RefusalError):
    """A header that may stand once stands twice."""

    status = 400
    error = "invalid_request"

    def __init__(self, name: str) -> None:
        super().__init__("request.repeated-header", f"the header {name} stands in the request more than once")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: a person, a service, or the holder of an API key."""

    subject: str
    issuer: str = ""
    """Who vouches: a token's issuer, or `api-key`."""
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    """Roles by name, as far as the credential itself says them; the access policy binds further ones."""
    client_id: str = ""
    credential_id: str = ""
    """With the issuer the credential's identity, whatever its spelling: `jti`, or an API key's name."""
    expires: float | None = None
    """Seconds since the epoch; None for a credential that does not expire by itself."""
    authenticator: str = ""
    bound: bool = False
    """Whether the credential counts only with a proof that each request brings anew (RFC 8705, RFC 9449)."""
    revisit: bool = False
    """Whether others may end the credential at any moment without a word: it is looked up anew for each request, and
    every few seconds while a connection lasts."""
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)


ANONYMOUS = Principal(subject="", authenticator="none")
"""Nobody in particular: who calls a route that needs no credential."""


class Authenticator(abc.ABC):
    """One kind of credential.

    A request without this kind of credential is *not mine*: None, and the next one is asked. A credential
    of this kind that is wrong raises. When all say None, the answer is 401.
    """

    name: str
    """As it stands in a principal, a metric and a log: `jwt`, `introspection`, `api-key`."""
    by_authorization: bool = False
    """Whether nothing but the header `Authorization` decides, and a binding that the principal tells of."""

    @abc.abstractmethod
    async def authenticate(self, request: Request) -> Principal | None:
        """Who calls, or None where this kind of credential is not there.

        Raises RefusalError: TokenError for a wrong credential, UndecidedError where what decides is out of reach.
        """

    def challenges(self) -> tuple[str, ...]:
        """What to offer in `WWW-Authenticate` (RFC 9110 section 11.6.1) where nothing was brought."""
        return ()

    def forbidden(self, refusal: RefusalError, headers: Headers) -> None:  # noqa: B027  # most have nothing to add
        """Give a refusal its challenge: the credential in these headers was right, and not enough."""

    async def aclose(self) -> None:  # noqa: B027  # most hold nothing to let go of
        """Let go of connections."""
