"""What a service calls others with: headers for one request, or `auth=` for httpx."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from guarita.errors import UsageError
from guarita.gateway.clients.cache import TokenCache
from guarita.gateway.clients.interface import ACCESS_TOKEN, SubjectToken, TargetError
from guarita.gateway.oauth.clientauth import Form
from guarita.gateway.oauth.prover import Prover
from guarita.gateway.oauth.tokenendpoint import Issued

if TYPE_CHECKING:
    import httpx

_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_PORTS: Final = {"https": 443, "http": 80}
_NONCES: Final = 256


class Clients(Mapping[str, "ServiceClient"]):
    """The clients that guarita.yaml names, by name. One for a process; `aclose` it at its end."""

    def __init__(self, clients: Mapping[str, ServiceClient]) -> None:
        self._clients = dict(clients)

    @classmethod
    def from_file(cls, path: str | Path) -> Clients:
        """Those of a guarita.yaml. Asks nobody yet.

        Raises UsageError for what is wrong in the file, with its place, and `gateway.secret` for a secret that is not
        there.
        """
        from guarita.gateway.clients.build import built  # noqa: PLC0415  # brings the configuration, and not before

        return cls(built(Path(path)))

    def __getitem__(self, name: str) -> ServiceClient:
        """Raises UsageError `client.unknown`."""
        try:
            return self._clients[name]
        except KeyError:
            known = ", ".join(sorted(self._clients)) or "none"
            raise UsageError(
                "client.unknown", f"gateway.clients names no {name!r}", hint=f"it names: {known}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._clients)

    def __len__(self) -> int:
        return len(self._clients)

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        for client in self._clients.values():
            await client.aclose()


class ServiceClient:
    """Tokens for calls to one service. May be used from any event loop."""

    def __init__(
        self,
        name: str,
        cache: TokenCache,
        *,
        targets: Iterable[str],
        asking: Form,
        prover: Prover | None = None,
        exchange_seconds: float = 300.0,
    ) -> None:
        """`targets` are the origins that tokens may go to; `asking` is what every grant says (scope, audience)."""
        self.name = name
        self._cache = cache
        self._targets = frozenset(_origin(target) for target in targets)
        self._asking = dict(asking)
        self._prover = prover
        self._exchange_seconds = exchange_seconds
        self._nonces: dict[tuple[str, str | None, int | None], str] = {}
        self._own = Caller(self, b"own", {"grant_type": "client_credentials", **self._asking}, None)

    def __repr__(self) -> str:
        return f"ServiceClient({self.name})"

    async def headers(self, method: str, url: str) -> dict[str, str]:
        """As `Caller.headers`, for this service itself (RFC 6749 section 4.4)."""
        return await self._own.headers(method, url)

    def auth(self) -> httpx.Auth:
        """As `Caller.auth`, for this service itself."""
        return self._own.auth()

    def on_behalf_of(self, subject: SubjectToken | str) -> Caller:
        """For who calls us with this access token (RFC 8693). Nothing is asked yet.

        Tokens are kept by the exact bytes of the subject's: another subject is never given them.
        """
        token = subject if isinstance(subject, SubjectToken) else SubjectToken(subject)
        grant: Form = {
            "grant_type": _EXCHANGE,
            "subject_token": token.value,
            "subject_token_type": token.type,
            "requested_token_type": ACCESS_TOKEN,
            **self._asking,
        }
        parts = (token.type.encode(), token.value.encode())
        whole = b"".join(len(part).to_bytes(8) + part for part in parts)
        return Caller(self, hashlib.sha256(b"exchange" + whole).digest(), grant, self._exchange_seconds)

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        await self._cache.aclose()

    async def issued(self, key: bytes, grant: Form, longest: float | None) -> Issued:
        """The token of a caller. Raises as `TokenCache.get`."""
        return await self._cache.get(key, grant, longest=longest)

    def dressed(self, issued: Issued, method: str, url: str) -> dict[str, str]:
        """The headers that carry a token to an address. Raises TargetError `client.target`."""
        origin = _origin(url)
        if origin not in self._targets:
            raise TargetError(self.name, origin[1] or "an address without a host")
        headers = {"Authorization": f"{issued.type} {issued.access_token}"}
        if self._prover is not None:
            headers["DPoP"] = self._prover.proof(
                method, url, token=issued.access_token, nonce=self._nonces.get(origin, "")
            )
        return headers

    def heard(self, url: str, nonce: str | None) -> bool:
        """Take up the nonce that an address wants in the next proof (RFC 9449 section 9). Whether it is news."""
        origin = _origin(url)
        if not nonce or self._prover is None or self._nonces.get(origin) == nonce:
            return False
        if len(self._nonces) >= _NONCES:
            self._nonces.clear()
        self._nonces[origin] = nonce
        return True

    def replaced(self, key: bytes, issued: Issued) -> bool:
        """Whether another token may be had instead of this one, which was refused."""
        return self._cache.forget(key, issued)


class Caller:
    """Who calls another service: this one, or somebody that it calls for."""

    def __init__(self, client: ServiceClient, key: bytes, grant: Form, longest: float | None) -> None:
        self.client = client
        self._key = key
        self._grant = grant
        self._longest = longest

    def __repr__(self) -> str:
        return f"Caller({self.client.name}, {self._key.hex()[:8]})"

    async def headers(self, method: str, url: str) -> dict[str, str]:
        """What to send with one request, which goes nowhere else.

        Raises TokenUnavailableError `client.unavailable`, TokenRefusedError `client.refused`, TargetError
        `client.target`, UsageError `gateway.secret`.
        """
        return self.client.dressed(await self.issued(), method, url)

    def auth(self) -> httpx.Auth:
        """For `auth=` of httpx' asynchronous client and requests.

        As `headers`, and once more where the token was revoked or a nonce is wanted.
        """
        from guarita.gateway.clients.httpxauth import CallerAuth  # noqa: PLC0415  # heavy, and others use other libraries

        return CallerAuth(self)

    async def issued(self) -> Issued:
        """The token. Raises as `headers`."""
        return await self.client.issued(self._key, self._grant, self._longest)

    def replaced(self, issued: Issued) -> bool:
        """Whether another token may be had instead of this one, which was refused."""
        return self.client.replaced(self._key, issued)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port (RFC 6454 section 4). What cannot be read has no host."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return "", None, None
