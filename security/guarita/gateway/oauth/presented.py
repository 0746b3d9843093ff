"""The access token of a request: from `Authorization` alone (RFC 6750 section 2.1, RFC 9449 section 7.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from guarita.gateway.interface import Request
from guarita.gateway.refusal import RefusalError

BEARER: Final = "Bearer"
DPOP: Final = "DPoP"
_LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"
"""Of a token68 (RFC 9110 section 11.2), before its padding."""
_SCHEMES: Final = {b"bearer": BEARER, b"dpop": DPOP}
_SCHEME: Final = re.compile(rb"(?i:(bearer|dpop))(?![A-Za-z0-9!#$%&'*+.^_`|~-])")


class CredentialsError(RefusalError):
    """The header names a scheme of ours, and cannot be read."""

    status = 400
    error = "invalid_request"


@dataclass(frozen=True, slots=True)
class Presented:
    """A token and how it was presented."""

    scheme: str
    """`Bearer` or `DPoP`."""
    token: bytes = field(repr=False)


def scheme_of(value: bytes) -> str | None:
    """The scheme that an `Authorization` header names, where it is one of ours (RFC 9110 section 11.4)."""
    return _SCHEMES.get(value.partition(b" ")[0].lower())


def presented(request: Request) -> Presented | None:
    """The token, or None where `Authorization` is not there or of another scheme.

    A token in the query or the body (RFC 6750 sections 2.2 and 2.3) is not looked for: addresses end in logs.
    Raises RefusalError `request.repeated-header`, CredentialsError `request.credentials`.
    """
    value = request.header(b"authorization")
    if value is None:
        return None
    scheme = scheme_of(value)
    rest = value.partition(b" ")[2]
    if scheme is not None:
        token = rest.lstrip(b" ")
        bare = token.rstrip(b"=")
        if bare and not bare.translate(None, _LETTERS):
            return Presented(scheme, token)
    if _SCHEME.match(value):
        raise CredentialsError(
            "request.credentials", "the Authorization header holds no token, or more than one"
        )
    return None
