"""Refusals as HTTP: RFC 9457 problem details, and the challenges of RFC 6750 section 3."""

from __future__ import annotations

import json

from guarita.gateway.core import CredentialMissingError, Gateway
from guarita.gateway.interface import Request
from guarita.gateway.refusal import RefusalError, UndecidedError

TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    405: "Method Not Allowed",
    429: "Too Many Requests",
    503: "Service Unavailable",
}
UNDECIDED = "it cannot be decided now: try again later"
"""What is out of reach, and where it stands, is the operator's matter."""


def answer(refusal: RefusalError, gateway: Gateway) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body for a refusal. They hold its code, and nothing of the credential."""
    document = {
        "title": TITLES.get(refusal.status, "Refused"),
        "status": refusal.status,
        "detail": UNDECIDED if isinstance(refusal, UndecidedError) else refusal.message,
        "code": refusal.code,
    }
    body = json.dumps(document).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *refusal.headers,
    ]
    if (
        refusal.status in {401, 403}
        and refusal.challenges
        and not any(name == b"www-authenticate" for name, _ in headers)
    ):
        headers += [(b"www-authenticate", value.encode()) for value in _challenges(refusal, gateway)]
    return refusal.status, headers, body


def invited(
    refusal: RefusalError, gateway: Gateway, request: Request | None
) -> tuple[int, list[tuple[bytes, bytes]], bytes] | None:
    """The way to the login instead of a refusal, for a browser that would show it to somebody; None for others."""
    login = gateway.login
    location = None if login is None or request is None else login.invitation(request, refusal)
    if location is None:
        return None
    headers = [
        (b"location", location.encode("ascii")), (b"content-length", b"0"), (b"cache-control", b"no-store"),
    ]  # fmt: skip
    return 303, headers, b""


def _challenges(refusal: RefusalError, gateway: Gateway) -> list[str]:
    if isinstance(refusal, CredentialMissingError):
        # Nothing was brought: no error code (RFC 6750 section 3.1).
        return gateway.challenges() or [f'Bearer realm="{gateway.realm}"']
    description = refusal.message.replace("\\", "").replace('"', "'")
    described = "".join(letter if 0x20 <= ord(letter) < 0x7F else "?" for letter in description)  # noqa: PLR2004  # NQSCHAR of RFC 6749 appendix A
    return [f'Bearer realm="{gateway.realm}", error="{refusal.error}", error_description="{described}"']
