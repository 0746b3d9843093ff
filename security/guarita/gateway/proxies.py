"""Declared proxies: whose word about the client counts, and how far."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from guarita.gateway import forwarded
from guarita.gateway.interface import Headers
from guarita.gateway.refusal import RefusalError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
FORWARDED = frozenset(
    {b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port",
     b"x-forwarded-uri", b"x-forwarded-method", b"x-forwarded-prefix", b"x-forwarded-client-cert",
     b"x-original-uri", b"x-original-method", b"x-real-ip"}
)  # fmt: skip
"""Headers by which a proxy speaks for a client, or a client tries to."""
OVERRIDES = frozenset(
    {b"x-http-method", b"x-http-method-override", b"x-method-override", b"x-original-url", b"x-rewrite-url"}
)
"""Headers by which some frameworks take another method or path than the request's. Nobody's word counts here, since
proxies hand a client's through."""


class PeerError(RefusalError):
    """Somebody speaks for a client who was not declared to."""

    status = 400
    error = "invalid_request"


UNIX = "unix"
"""Whoever reaches a Unix socket: it has no address, and who may reach it is the file system's matter."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from, as far as it is known for certain."""

    client: str
    scheme: str
    host: str
    certificate: str = ""
    """`x5t#S256` of the client's certificate."""


class Proxies:
    """The addresses whose forwarding headers are believed: the ingress, and nobody else."""

    def __init__(
        self,
        declared: Iterable[str] = (),
        *,
        certificate_header: str = "",
        certificate: Callable[[bytes], str] = lambda _: "",
        rfc7239: bool = False,
    ) -> None:
        """`declared` are addresses or networks (`10.0.0.0/8`), or `unix`. Raises ValueError for what is none of these.

        With `rfc7239` they write `Forwarded`, and `X-Forwarded-*` otherwise. The other kind they may hand through from
        anybody, so that it counts for nothing, and ends the request where it says something else.

        `certificate_header` is where they hand on the client's certificate, and `certificate` reads its
        thumbprint. They must overwrite the client's own header of that name.
        """
        self.speaking = FORWARDED | ({certificate_header.lower().encode()} if certificate_header else set())
        """Headers that only a declared proxy may send."""
        self._certificate_header = certificate_header.lower().encode()
        self._certificate = certificate
        self._rfc7239 = rfc7239
        declared = list(declared)
        self._unix = UNIX in declared
        self._networks: tuple[Network, ...] = tuple(
            ipaddress.ip_network(item) for item in declared if item != UNIX
        )
        self.trusts = functools.lru_cache(maxsize=1024)(self._trusts)

    def _trusts(self, peer: str) -> bool:
        if not peer:
            return self._unix
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        address = mapped or address
        return any(address in network for network in self._networks if network.version == address.version)

    def origin(self, headers: Headers, *, peer: str, scheme: str, host: str) -> Origin:
        """The client behind declared proxies: from the right, the first address that is no proxy.

        Raises PeerError `request.undeclared-proxy` where a peer that was not declared sends a header by
        which it would speak for somebody, and `request.forwarded` where a declared one's cannot be read.
        """
        said = [(name, value) for name, value in headers if name in self.speaking]
        if not said:
            return Origin(peer, scheme, host)
        if not self.trusts(peer):
            raise PeerError(
                "request.undeclared-proxy",
                "a peer that is no declared proxy sends a forwarding header",
                hint="declare the proxy in gateway.proxies, or let it drop the client's headers",
            )
        client, said_scheme, said_host = (
            self._by_rfc7239(said, peer) if self._rfc7239 else self._by_older(said, peer)
        )
        return Origin(client, said_scheme or scheme, said_host or host, self._thumbprint(said))

    def _by_older(self, said: Headers, peer: str) -> tuple[str, str, str]:
        """Client, scheme and host by `X-Forwarded-*`; the latter two are empty where nobody says them."""
        if any(name == b"forwarded" for name, _ in said):
            # Which of them the proxy wrote cannot be told.
            raise PeerError(
                "request.forwarded",
                "the header Forwarded is not read here",
                hint="`gateway.forwarded: rfc7239` where the proxies write it, or let them drop the client's",
            )
        return (
            self._client(said, peer),
            _single(said, b"x-forwarded-proto", {"http", "https", "ws", "wss"}),
            _single(said, b"x-forwarded-host"),
        )

    def _by_rfc7239(self, said: Headers, peer: str) -> tuple[str, str, str]:
        """The same by `Forwarded`, from our end on, as far as the one who wrote an element is declared."""
        try:
            hops = forwarded.parse([value for name, value in said if name == b"forwarded"])
        except forwarded.ForwardedError as error:
            raise PeerError("request.forwarded", f"the header Forwarded: {error}") from error
        client, scheme, host = peer, "", ""
        for hop in reversed(hops):
            if not self.trusts(client):
                break
            if not hop.client:
                raise PeerError("request.forwarded", "a declared proxy does not say who asked it")
            client, scheme, host = hop.client, hop.scheme or scheme, hop.host or host
        older = (
            self._client(said, peer),
            _single(said, b"x-forwarded-proto", {"http", "https", "ws", "wss"}),
            _single(said, b"x-forwarded-host"),
        )
        if any(name == b"x-forwarded-for" for name, _ in said) and older[0] != client:
            raise _contradicts()
        if (older[1] and older[1] != scheme) or (older[2] and older[2] != host):
            raise _contradicts()
        return client, scheme, host

    def _thumbprint(self, said: Headers) -> str:
        found = [value for name, value in said if name == self._certificate_header and value]
        if len(found) > 1:
            raise PeerError("request.forwarded", "the client's certificate is handed on twice")
        return self._certificate(found[0]) if found else ""

    def _client(self, said: Headers, peer: str) -> str:
        chain = [
            item.strip()
            for name, value in said
            if name == b"x-forwarded-for"
            for item in value.decode("latin-1").split(",")
        ]
        client = peer
        for hop in reversed(chain):
            if not self.trusts(client):
                break
            client = _address(hop)
        return client


def _contradicts() -> PeerError:
    return PeerError("request.forwarded", "Forwarded and X-Forwarded-* say different things")


def _address(hop: str) -> str:
    """An address without its port. Raises PeerError."""
    text = hop
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise PeerError("request.forwarded", "a forwarding header names what is no address") from error


def _single(said: Headers, name: bytes, allowed: set[str] | None = None) -> str:
    """The value of a forwarding header that a proxy sets once, or nothing. Raises PeerError."""
    found = [value.decode("latin-1") for key, value in said if key == name]
    if not found:
        return ""
    if len(found) > 1 or "," in found[0] or (allowed and found[0] not in allowed):
        raise PeerError("request.forwarded", f"the header {name.decode()} does not say one thing")
    return found[0]
