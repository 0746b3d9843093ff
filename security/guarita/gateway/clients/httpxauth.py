"""Tokens for httpx: put on each request, and once more where the other side wants a nonce or another token."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Final

import httpx

if TYPE_CHECKING:
    from guarita.gateway.clients.clients import Caller
    from guarita.gateway.oauth.tokenendpoint import Issued

_UNAUTHORIZED: Final = 401


class CallerAuth(httpx.Auth):
    """One caller's requests, by an asynchronous client."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def __repr__(self) -> str:
        return f"CallerAuth({self._caller!r})"

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """As httpx' Auth. Raises as `Caller.headers`."""
        issued = await self._caller.issued()
        self._dress(request, issued)
        response = yield request
        if self._again(request, response, issued):
            self._dress(request, await self._caller.issued())
            response = yield request
            self._caller.client.heard(str(request.url), response.headers.get("dpop-nonce"))

    def _dress(self, request: httpx.Request, issued: Issued) -> None:
        request.headers.update(self._caller.client.dressed(issued, request.method, str(request.url)))

    def _again(self, request: httpx.Request, response: httpx.Response, issued: Issued) -> bool:
        news = self._caller.client.heard(str(request.url), response.headers.get("dpop-nonce"))
        if response.status_code != _UNAUTHORIZED or not isinstance(request.stream, httpx.ByteStream):
            return False  # what streams was read already
        said = response.headers.get("www-authenticate", "")
        if "use_dpop_nonce" in said:
            return news
        return "invalid_token" in said and self._caller.replaced(issued)
