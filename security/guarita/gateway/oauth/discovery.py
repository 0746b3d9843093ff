"""Where an issuer's endpoints are: OpenID Connect Discovery 1.0 section 4, and RFC 8414 section 3."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from guarita.errors import UsageError
from guarita.gateway.outbound import Outbound, OutboundError, check_endpoint
from guarita.gateway.refusal import UndecidedError
from guarita.gateway.tokens import strictjson

MAX_METADATA: Final = 131_072
"""Bytes."""
_ABSENT: Final = range(400, 500)


class DiscoveryError(UndecidedError):
    """The issuer's endpoints cannot be known: `discovery.unavailable`, `discovery.issuer`, `discovery.endpoint`."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What an issuer says about itself. Its name has been looked at, the rest is when it is used."""

    issuer: str
    document: Mapping[str, Any] = field(repr=False)


class Discovery:
    """One issuer's metadata, asked for when they are needed and again after `term` seconds."""

    def __init__(
        self,
        issuer: str,
        outbound: Outbound,
        *,
        term: float = 3_600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises UsageError `gateway.issuer` for an identifier that has no metadata, and as `check_endpoint`."""
        check_endpoint(issuer, insecure_loopback=outbound.insecure_loopback)
        if urlsplit(issuer).query:
            raise UsageError("gateway.issuer", "an issuer's identifier has no query (RFC 8414 section 2)")
        self.issuer = issuer
        self._outbound = outbound
        self._term = term
        self._clock = clock
        self._held: tuple[float, Metadata] | None = None
        self._wanted: set[str] = set()

    async def metadata(self) -> Metadata:
        """The metadata. In an outage the last good ones: an address does not spoil. Raises DiscoveryError."""
        held = self._held
        if held is not None and self._clock() < held[0]:
            return held[1]
        try:
            found = await self._fetch()
        except DiscoveryError:
            if held is None:
                raise
            found = held[1]
        self._held = (self._clock() + self._term, found)
        return found

    async def jwks_uri(self) -> str:
        """Where the key set is. Raises DiscoveryError."""
        return await self.endpoint("jwks_uri")

    async def introspection_endpoint(self) -> str:
        """Where tokens are introspected (RFC 7662). Raises DiscoveryError."""
        return await self.endpoint("introspection_endpoint")

    async def endpoint(self, name: str) -> str:
        """The address of this name (RFC 8414 section 2). Raises DiscoveryError."""
        found = await self.optional(name)
        if found is None:
            raise DiscoveryError("discovery.endpoint", f"{self.issuer} names no {name}")
        return found

    async def optional(self, name: str) -> str | None:
        """The address of this name, or None where the issuer has none. Raises DiscoveryError."""
        self._wanted.add(name)
        metadata = await self.metadata()
        try:
            return self._endpoint(metadata.document, name)
        except DiscoveryError:
            self._held = None  # nobody looked at it before: to be asked for again
            raise

    async def _fetch(self) -> Metadata:
        first, second = well_known(self.issuer)
        try:
            try:
                answer = await self._outbound.get(first, limit=MAX_METADATA)
            except OutboundError as error:
                if error.answered not in _ABSENT:
                    raise
                answer = await self._outbound.get(second, limit=MAX_METADATA)
            return self._read(strictjson.parse(answer.body))
        except OutboundError as error:
            raise DiscoveryError(
                "discovery.unavailable", f"the metadata of {self.issuer}: {error.message}"
            ) from error
        except strictjson.StrictJsonError as error:
            raise DiscoveryError(
                "discovery.unavailable", f"the metadata of {self.issuer}: {error}"
            ) from error

    def _read(self, document: dict[str, Any]) -> Metadata:
        # Compared as text, without any normalisation (RFC 8414 section 3.3): otherwise one issuer speaks for another.
        if document.get("issuer") != self.issuer:
            raise DiscoveryError("discovery.issuer", f"the metadata at {self.issuer} are another issuer's")
        for name in self._wanted:
            self._endpoint(document, name)
        return Metadata(self.issuer, document)

    def _endpoint(self, document: Mapping[str, Any], name: str) -> str | None:
        value = document.get(name)
        if value is None:
            return None
        try:
            if type(value) is str:
                return check_endpoint(value, insecure_loopback=self._outbound.insecure_loopback)
        except UsageError:
            pass
        raise DiscoveryError(
            "discovery.endpoint", f"the {name} of {self.issuer} is no address that may be asked"
        )


def well_known(issuer: str) -> tuple[str, str]:
    """Where the metadata of OpenID Connect and those of RFC 8414 are."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    base = f"{parts.scheme}://{parts.netloc}"
    return (
        f"{base}{path}/.well-known/openid-configuration",
        f"{base}/.well-known/oauth-authorization-server{path}",
    )
