"""Cookies, written so that nobody else can set them (RFC 6265bis section 4.1.3.2), and read in one way."""

from __future__ import annotations

import re
import secrets
from typing import Final

from guarita.gateway.interface import Headers
from guarita.gateway.login.interface import LoginError

SESSION: Final = "__Host-guarita"
BROWSER: Final = "__Host-guarita-login"
"""Ties a login to the browser that began it."""
_FORM: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""32 bytes in base64url."""
_ATTRIBUTES: Final = "Path=/; Secure; HttpOnly; SameSite=Lax"


def fresh() -> str:
    """A value with 256 random bits."""
    return secrets.token_urlsafe(32)


def read(headers: Headers, name: str) -> str | None:
    """The value of a cookie, None where there is none, and an empty text where it is none of ours.

    Names are compared byte by byte. Raises LoginError `session.cookie` where it stands twice: a browser lets
    nobody do that to a name with this prefix, and which of them is ours nobody can tell.
    """
    wanted = name.encode()
    found = [
        value
        for header, line in headers
        if header == b"cookie"  # HTTP/2 may part it into several (RFC 9113 section 8.2.3)
        for key, sign, value in (pair.strip(b" \t").partition(b"=") for pair in line.split(b";"))
        if sign and key == wanted
    ]
    if len(found) > 1:
        raise LoginError("session.cookie", f"the cookie {name} stands in the request more than once")
    if not found:
        return None
    text = found[0].decode("latin-1")
    return text if _FORM.fullmatch(text) else ""


def written(name: str, value: str, *, seconds: int | None = None) -> tuple[bytes, bytes]:
    """The header that sets a cookie: until the browser ends, or for so many seconds."""
    term = "" if seconds is None else f"; Max-Age={seconds}"
    return b"set-cookie", f"{name}={value}; {_ATTRIBUTES}{term}".encode("ascii")


def removed(name: str) -> tuple[bytes, bytes]:
    """The header that takes a cookie away."""
    return written(name, "", seconds=0)
