"""A GET request with a bound on time and size, whatever the other side does."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

import requests
from urllib3.exceptions import HTTPError

from guarita.rotation.errors import TransientError

_PIECE: Final = 65_536


def fetch(
    url: str,
    *,
    code: str,
    timeout: float,
    limit: int = 262_144,
    headers: Mapping[str, str] | None = None,
    verify: str | bool = True,
) -> tuple[int, bytes]:
    """Status and body. Redirects are not followed. `timeout` is in seconds, `limit` in bytes.

    Raises TransientError with this `code` when there is no answer, or it is too large or too slow.
    """
    until = time.monotonic() + timeout
    parts: list[bytes] = []
    try:
        with requests.get(
            url,
            headers=dict(headers or {}),
            timeout=timeout,
            allow_redirects=False,
            verify=verify,
            stream=True,
        ) as answer:
            # read1 gives what is there; iter_content waits for a whole piece, however slowly it comes.
            while part := answer.raw.read1(_PIECE, decode_content=True):
                parts.append(part)
                if sum(map(len, parts)) > limit or time.monotonic() > until:
                    raise TransientError(code, f"{url}: its answer is too large or too slow", delay=15.0)
            return answer.status_code, b"".join(parts)
    except (requests.RequestException, HTTPError, OSError) as error:
        raise TransientError(code, f"{url}: no answer ({type(error).__name__})", delay=15.0) from None
