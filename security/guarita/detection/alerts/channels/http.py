"""One HTTP request to a declared host: bounded as a whole, redirects refused, nothing secret in what is said."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import httpx

from guarita.audit.sinks.http import seconds
from guarita.config.detection_alerts import HttpChannel
from guarita.detection.alerts.channels import tls
from guarita.detection.alerts.interface import ChannelRefusedError, ChannelUnavailableError

MAX_ANSWER: Final = 64 * 1024
"""Bytes of an answer that are read at most."""
_LATER: Final = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}


class Answer(NamedTuple):
    """A status from 200 to 299, and the body."""

    status: int
    body: bytes


class Poster:
    """Posts JSON. A connection of its own for each request: minutes lie between two."""

    def __init__(self, section: HttpChannel, folder: Path) -> None:
        """A relative `ca_file` is in `folder`."""
        self._timeout = section.timeout
        self._proxy = section.proxy
        self._tls = tls.context(section.ca_file, folder)

    def post(self, url: str, content: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """POST, and the answer if its status is good.

        Raises ChannelUnavailableError for a peer that is away, hangs or answers 408, 425, 429 or 5xx (with its
        Retry-After), ChannelRefusedError for every other answer, a redirect too.
        """
        shown = urlsplit(url).hostname or "?"
        try:
            return asyncio.run(self._bounded(url, content, headers or {}, shown))
        except TimeoutError:
            raise ChannelUnavailableError(
                "alerts.timeout", f"{shown}: no answer within {self._timeout:g} s"
            ) from None
        except UnicodeEncodeError:
            raise ChannelRefusedError(
                "alerts.refused", f"{shown}: a credential has characters that a header cannot hold"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
            # The texts of these errors may hold addresses and headers; their names say enough.
            raise ChannelUnavailableError("alerts.unreachable", f"{shown}: {type(error).__name__}") from None

    async def _bounded(self, url: str, content: bytes, headers: Mapping[str, str], shown: str) -> Answer:
        # httpx bounds each read, and a peer may say a byte at a time.
        async with asyncio.timeout(self._timeout):
            return await self._posted(url, content, headers, shown)

    async def _posted(self, url: str, content: bytes, headers: Mapping[str, str], shown: str) -> Answer:
        # Neither proxies nor credentials of the environment: alerts go where guarita.yaml says.
        async with (
            httpx.AsyncClient(
                verify=self._tls, timeout=self._timeout, trust_env=False, proxy=self._proxy
            ) as client,
            client.stream(
                "POST", url, content=content, headers={"content-type": "application/json", **headers}
            ) as response,
        ):
            if response.is_success:
                return Answer(response.status_code, await _body(response, shown))
            raise _error(shown, response.status_code, response.headers.get("retry-after"))


async def _body(response: httpx.Response, shown: str) -> bytes:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > MAX_ANSWER:
            raise ChannelUnavailableError("alerts.answer", f"{shown}: the answer is too large")
    return bytes(body)


def _error(shown: str, status: int, retry_after: str | None) -> ChannelUnavailableError | ChannelRefusedError:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _LATER:
        return ChannelUnavailableError(
            "alerts.busy", f"{shown}: HTTP status {status}", retry_after=seconds(retry_after)
        )
    hint = None
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        hint = "redirects are not followed: name the address that it goes to"
    elif status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        hint = "look at the address and the credential that guarita.yaml names for this channel"
    return ChannelRefusedError("alerts.refused", f"{shown}: HTTP status {status}", hint=hint)


def lied(shown: str, status: int) -> ChannelUnavailableError:
    """The error for a status that says yes over a body that does not."""
    return ChannelUnavailableError(
        "alerts.answer", f"{shown}: HTTP status {status}, with an answer that is no acceptance"
    )
