"""One HTTP request with an end to it: time, size and errors bounded, and nothing secret in what is said."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final, NamedTuple

import httpx

from guarita.audit.events.secret import Secret
from guarita.audit.sinks.interface import SinkRefusedError, SinkUnavailableError

MAX_ANSWER: Final = 16 * 1024 * 1024
"""Bytes of an answer that are read at most."""
_BUSY: Final = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
    HTTPStatus.INTERNAL_SERVER_ERROR,
}

Headers = Callable[[], Mapping[str, Secret]]
"""Gives the headers that carry credentials; called for each request, so that rotated ones are used."""


class Answer(NamedTuple):
    """A status below 300, or one that the caller asked to see."""

    status: int
    body: bytes


class Peer:
    """An HTTP server that takes batches."""

    def __init__(
        self, url: str, *, timeout: float, ca_file: Path | None = None, credentials: Headers = dict
    ) -> None:
        """`timeout` is in seconds, for the whole of one request."""
        self.url = url.rstrip("/")
        self._timeout = timeout
        self._credentials = credentials
        verify = ssl.create_default_context(cafile=str(ca_file)) if ca_file else True
        self._client = httpx.Client(timeout=httpx.Timeout(timeout, connect=min(timeout, 10)), verify=verify)

    def post(
        self, path: str, content: bytes, headers: Mapping[str, str], *, seen: frozenset[int] = frozenset()
    ) -> Answer:
        """POST, and the answer if it is good or its status is in `seen`.

        Raises SinkUnavailableError when the peer cannot be reached, hangs, or answers 408, 429 or 5xx (with its
        Retry-After), SinkRefusedError for every other status.
        """
        secret = {name: value.reveal() for name, value in self._credentials().items()}
        deadline = time.monotonic() + self._timeout
        try:
            with self._client.stream(
                "POST", f"{self.url}{path}", content=content, headers={**headers, **secret}
            ) as response:
                body = self._body(response, deadline)
        except UnicodeEncodeError:
            raise SinkRefusedError(
                "audit.sink-refused", f"{self.url}: a credential has characters that a header cannot hold"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            # The texts of these errors may hold addresses and headers; their names say enough.
            raise SinkUnavailableError(
                "audit.sink-unreachable", f"{self.url}: {type(error).__name__}"
            ) from None
        if response.is_success or response.status_code in seen:
            return Answer(response.status_code, body)
        raise self.error(response.status_code, response.headers.get("retry-after"))

    def error(self, status: int, retry_after: str | None = None) -> SinkUnavailableError | SinkRefusedError:
        """What a status means."""
        if status in _BUSY:
            return SinkUnavailableError(
                "audit.sink-busy", f"{self.url}: HTTP status {status}", retry_after=seconds(retry_after)
            )
        hint = None
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            hint = "look at the credentials that guarita.yaml names for this sink"
        return SinkRefusedError("audit.sink-refused", f"{self.url}: HTTP status {status}", hint=hint)

    def lied(self, what: str) -> SinkUnavailableError:
        """The error for an answer that is good by its status and no answer to our request."""
        return SinkUnavailableError("audit.sink-answer", f"{self.url}: {what}")

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _body(self, response: httpx.Response, deadline: float) -> bytes:
        body = bytearray()
        for piece in response.iter_bytes():
            body += piece
            if time.monotonic() > deadline:
                raise SinkUnavailableError("audit.sink-unreachable", f"{self.url}: the answer takes too long")
            if len(body) > MAX_ANSWER:
                raise SinkUnavailableError("audit.sink-answer", f"{self.url}: the answer is too large")
        return bytes(body)


def seconds(retry_after: str | None) -> float | None:
    """Retry-After (RFC 9110 section 10.2.3), as seconds or as a date."""
    if retry_after is None:
        return None
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
