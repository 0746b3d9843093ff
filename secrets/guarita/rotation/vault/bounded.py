"""A bound on the whole of an answer: the library's own is one for each read, and a server may send a byte at a time."""

from __future__ import annotations

import time
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

_PIECE: Final = 65_536
_LIMIT: Final = 32 * 1024 * 1024
"""Bytes: what a list of many thousand names or certificates may take."""


class BoundedAdapter(HTTPAdapter):
    """Reads each answer whole, within the time that a call may take. Too late or too large is a ConnectionError."""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        """As the base class, and with the answer's body."""
        options["stream"] = True
        timeout = options.get("timeout") or 30.0
        until = time.monotonic() + float(timeout)
        answer = super().send(request, **options)
        parts: list[bytes] = []
        size = 0
        try:
            # read1 gives what is there; read waits for a whole piece, however slowly it comes.
            while part := answer.raw.read1(_PIECE, decode_content=True):
                parts.append(part)
                size += len(part)
                if size > _LIMIT or time.monotonic() > until:
                    answer.close()
                    raise requests.ConnectionError("an answer too large or too slow")
        except (HTTPError, OSError) as error:
            answer.close()
            raise requests.ConnectionError(type(error).__name__) from None
        answer._content = b"".join(parts)  # noqa: SLF001  # where requests itself keeps it
        answer._content_consumed = True  # noqa: SLF001
        answer.raw.release_conn()
        return answer
