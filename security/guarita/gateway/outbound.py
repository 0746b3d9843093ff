"""Requests to those who decide with us (key sets, discovery, introspection): bounded in time, size and direction."""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from guarita.errors import MissingExtraError, UsageError
from guarita.gateway.refusal import UndecidedError

if TYPE_CHECKING:
    import httpx

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_DIRECT: Final = ("all://localhost", "all://127.0.0.1", "all://[::1]")
"""What lies on this machine is never asked for by way of a proxy."""
_MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age=\"?([0-9]{1,9})", re.IGNORECASE)
_OK: Final = 200


class OutboundError(UndecidedError):
    """No usable answer: `outbound.timeout`, `.unreachable`, `.status`, `.size`, `.encoding`."""

    def __init__(self, code: str, message: str, *, answered: int | None = None) -> None:
        super().__init__(code, message)
        self.answered = answered
        """The HTTP status, where one came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A body, and how long it may be kept."""

    body: bytes = field(repr=False)
    max_age: float | None
    """Seconds, by `Cache-Control` (RFC 9111 section 5.2.2.1); None where it says nothing."""
    status: int = _OK
    """200, or one that the caller reads as well."""
    dpop_nonce: str = field(default="", repr=False)
    """For the next DPoP proof (RFC 9449 section 8); empty where none came."""


def check_endpoint(url: str, *, insecure_loopback: bool = False) -> str:
    """The address, if it may be asked: https, or http on this machine where that is declared.

    Raises UsageError `gateway.endpoint`. The address is not quoted back: it may hold a password.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError("gateway.endpoint", "the address of an endpoint cannot be read") from error
    if (
        not host
        or parts.fragment
        or "@" in parts.netloc
        or not url.isascii()
        or not url.isprintable()
        or " " in url
    ):
        raise UsageError(
            "gateway.endpoint",
            "the address of an endpoint has no host, or holds a user, a fragment or characters it may not",
        )
    if parts.scheme == "https" or (parts.scheme == "http" and insecure_loopback and host in LOOPBACK):
        return url
    raise UsageError(
        "gateway.endpoint",
        f"the endpoint at {host} is not asked without TLS",
        hint="use https://; http:// only on loopback, with `insecure_loopback: true`",
    )


class Outbound:
    """An HTTP client that may be used from any event loop and thread: each loop has connections of its own.

    No redirect is followed, no compressed body unpacked, and what takes longer than `timeout` seconds from
    the first byte to the last is given up, even where the peer sends a byte now and then.
    """

    def __init__(
        self, *, timeout: float = 5.0, insecure_loopback: bool = False, ca_file: str | None = None
    ) -> None:
        self.timeout = timeout
        self.insecure_loopback = insecure_loopback
        self._ca_file = ca_file
        self._tls: ssl.SSLContext | None = None
        self._clients: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}
        self._lock = threading.Lock()

    async def get(self, url: str, *, limit: int) -> Answer:
        """The body at this address, of at most `limit` bytes. Raises OutboundError, UsageError for the address."""
        return await self._send("GET", url, limit, {"accept": "application/json"})

    async def post(
        self, url: str, form: bytes, *, limit: int, headers: Mapping[str, str], also: Collection[int] = ()
    ) -> Answer:
        """What a form is answered with, where the status is 200 or one of `also`.

        Raises OutboundError, UsageError for the address.
        """
        sent = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded", **headers}
        return await self._send("POST", url, limit, sent, form, also=also)

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        with self._lock:
            client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    async def _send(
        self,
        method: str,
        url: str,
        limit: int,
        headers: Mapping[str, str],
        content: bytes | None = None,
        *,
        also: Collection[int] = (),
    ) -> Answer:
        import httpx  # noqa: PLC0415  # heavy, and not needed by who asks nobody

        host = urlsplit(check_endpoint(url, insecure_loopback=self.insecure_loopback)).hostname
        try:
            async with (
                asyncio.timeout(self.timeout),
                self._client().stream(method, url, headers=headers, content=content) as response,
            ):
                return await _read(response, limit, host or "", also)
        except TimeoutError as error:
            raise OutboundError(
                "outbound.timeout", f"{host} did not answer within {self.timeout:g} seconds"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
            reason = type(error).__name__
            raise OutboundError("outbound.unreachable", f"{host} cannot be asked: {reason}") from error

    def _client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        with self._lock:
            client = self._clients.get(loop)
            if client is None:
                # Connections hold on to their event loop: those of one that ended would stay for ever.
                self._clients = {held: kept for held, kept in self._clients.items() if not held.is_closed()}
                client = self._clients[loop] = self._new()
        return client

    def _new(self) -> httpx.AsyncClient:
        try:
            import httpx  # noqa: PLC0415
        except ImportError as error:
            raise MissingExtraError("gateway", "httpx") from error
        if self._tls is None:
            self._tls = httpx.create_ssl_context()
            if self._ca_file is not None:
                self._tls = ssl.create_default_context(cafile=self._ca_file)
        return httpx.AsyncClient(
            verify=self._tls,
            timeout=None,  # noqa: S113  # a bound on the whole stands around each request
            headers={"accept-encoding": "identity", "user-agent": "guarita"},
            follow_redirects=False,
            # What one answer sets must not go out with what is asked for somebody else.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            mounts=dict.fromkeys(_DIRECT),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=8),
        )


async def _read(response: httpx.Response, limit: int, host: str, also: Collection[int]) -> Answer:
    status = response.status_code
    if status != _OK and status not in also:
        raise OutboundError("outbound.status", f"{host} answered with status {status}", answered=status)
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise OutboundError("outbound.encoding", f"{host} sent a compressed body that was not asked for")
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > limit:
            raise OutboundError("outbound.size", f"{host} sent more than {limit} bytes")
    said = _MAX_AGE.search(response.headers.get("cache-control", ""))
    nonce = response.headers.get("dpop-nonce", "")
    return Answer(bytes(body), float(said.group(1)) if said else None, status, nonce)
