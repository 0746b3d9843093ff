"""What a person sees where a login does not come about: a page that loads nothing and repeats nothing."""

from __future__ import annotations

import html
from typing import Final

from guarita.gateway.asgi.answer import answer
from guarita.gateway.asgi.types import Send
from guarita.gateway.core import Gateway
from guarita.gateway.interface import Headers, Request
from guarita.gateway.login.crosssite import accepts_pages
from guarita.gateway.refusal import RefusalError, UndecidedError

_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
)
_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<h1>{title}</h1>
<p>{text}.</p>
<p><a href="{again}">Log in again</a></p>
<p><small>{code}</small></p>
</html>
"""


async def respond(send: Send, status: int, headers: Headers = (), body: bytes = b"") -> None:
    """Send an answer that nobody keeps."""
    said = [*_HEADERS, *headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": said})
    await send({"type": "http.response.body", "body": body})


async def see_other(send: Send, location: str, *headers: tuple[bytes, bytes]) -> None:
    """Send the browser elsewhere, by GET whatever it asked (RFC 9110 section 15.4.4)."""
    await respond(send, 303, [(b"location", location.encode("ascii")), *headers])


async def refuse(
    send: Send, refusal: RefusalError, gateway: Gateway, request: Request | None, again: str
) -> None:
    """Say why, as a page to a browser that wants one, and as problem details otherwise."""
    status, headers, body = answer(refusal, gateway)
    if request is not None and accepts_pages(request):
        undecided = isinstance(refusal, UndecidedError)
        page = _PAGE.format(
            title="Nobody can log in now" if undecided else "You are not logged in",
            text="Please try again in a moment" if undecided else html.escape(_sentence(refusal.message)),
            again=html.escape(again),
            code=html.escape(refusal.code),
        )
        headers = [(b"content-type", b"text/html; charset=utf-8"), *refusal.headers]
        body = page.encode()
    kept = {name for name, _ in _HEADERS} | {b"content-length"}
    await respond(send, status, [(name, value) for name, value in headers if name not in kept], body)


def _sentence(message: str) -> str:
    return message[:1].upper() + message[1:]
