"""Whether a browser asks of its own accord, or because another site makes it (W3C Fetch Metadata, RFC 6454).

A cookie comes along with every request, whoever caused it. `SameSite=Lax` keeps most of them back, and neither those of
neighbours under the same domain nor WebSockets opened by them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from guarita.gateway.interface import Request
from guarita.gateway.login.interface import CrossSiteError

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110 section 9.2.1)."""


def must_be_ours(request: Request, origins: Collection[str]) -> None:
    """Return where a session may be used for this request; `origins` are our own, as browsers write them.

    Browsers let no script write `Sec-Fetch-Site` or `Origin`. Raises CrossSiteError `session.cross-site`, and
    RefusalError `request.repeated-header`.
    """
    origin, site = _said(request, b"origin"), _said(request, b"sec-fetch-site")
    if origin in origins:
        return
    if origin not in {None, "null"} or request.websocket:
        raise CrossSiteError
    safe = request.method in SAFE
    if site in {"same-origin", "none"}:
        # A page without referrers has `Origin: null` in its own forms too.
        return
    if site is None:
        # A browser from before 2023, or no browser. All have sent `Origin` with what changes something since 2020.
        if safe and origin is None:
            return
    elif safe and origin is None and _navigates(request):
        return  # a link on another site
    raise CrossSiteError


def navigates(request: Request) -> bool:
    """Whether somebody looks at the answer as a page of its own, as far as a browser says."""
    if _said(request, b"sec-fetch-mode") is not None:
        return _navigates(request)
    return accepts_pages(request) and request.header(b"x-requested-with") is None


def accepts_pages(request: Request) -> bool:
    """Whether the answer may be a page; `Accept` may stand several times (RFC 9110 section 5.3)."""
    return any(name == b"accept" and b"text/html" in value for name, value in request.headers)


def _navigates(request: Request) -> bool:
    return (
        _said(request, b"sec-fetch-mode") == "navigate"
        and (_said(request, b"sec-fetch-dest") or "document") == "document"
    )


def _said(request: Request, name: bytes) -> str | None:
    value = request.header(name)
    return None if value is None else value.decode("latin-1")
