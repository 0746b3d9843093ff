"""The header Forwarded (RFC 7239), read strictly: what each proxy says of who asked it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

MAX_HEADER: Final = 8_192
"""Bytes."""
MAX_HOPS: Final = 32
_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  # RFC 9110 section 5.6.2
_PAIR: Final = re.compile(rf'({_TOKEN})=(?:({_TOKEN})|"((?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*)")')
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_NODE: Final = re.compile(
    r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9.]{7,15}))(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?"
)
_SCHEMES: Final = frozenset({"http", "https"})


class ForwardedError(ValueError):
    """It does not say one thing; the text says why and quotes nothing."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One element (section 4): what a proxy says of the request that came to it."""

    client: str
    """The address in `for`; empty where the proxy hides it, or does not say (section 6.2, 6.3)."""
    scheme: str
    """`proto`; empty where it is not said."""
    host: str
    """`host`; empty where it is not said."""


def parse(values: list[bytes]) -> list[Hop]:
    """The hops from the client's end to ours; several lines are one list (section 4).

    Raises ForwardedError for none, for what is not of the header's form, or stands twice in an element.
    """
    if not values:
        raise ForwardedError("it is missing")
    try:
        text = b",".join(values).decode("ascii")
    except UnicodeDecodeError as error:
        raise ForwardedError("it holds what is not ASCII") from error
    if len(text) > MAX_HEADER:
        raise ForwardedError(f"it has more than {MAX_HEADER} bytes")
    hops, position = [], 0
    while True:
        said, position = _element(text, position)
        hops.append(_hop(said))
        position = _blank(text, position)
        if position == len(text):
            return hops
        if text[position] != "," or len(hops) == MAX_HOPS:
            raise ForwardedError("elements are not parted by commas, or are too many")
        position += 1


def _element(text: str, position: int) -> tuple[dict[str, str], int]:
    """The pairs of one element, by their names in small letters, and where it ends. Raises ForwardedError."""
    said: dict[str, str] = {}
    while True:
        found = _PAIR.match(text, _blank(text, position))
        if found is None:
            raise ForwardedError("an element is not made of pairs")
        name, position = found.group(1).lower(), found.end()
        if name in said:
            raise ForwardedError("a parameter stands twice in an element")
        quoted = found.group(3)
        said[name] = found.group(2) if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        if not text.startswith(";", position):
            return said, position
        position += 1


def _blank(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t":
        position += 1
    return position


def _hop(said: dict[str, str]) -> Hop:
    scheme, host = said.get("proto", ""), said.get("host", "")
    if scheme and scheme.lower() not in _SCHEMES:
        raise ForwardedError("proto is neither http nor https")
    if host and not _HOST.fullmatch(host):
        raise ForwardedError("host is none")
    return Hop(_node(said.get("for", "")), scheme.lower(), host)


def _node(text: str) -> str:
    """Raises ForwardedError."""
    if not text or text.lower() == "unknown" or re.fullmatch(r"_[A-Za-z0-9._-]+", text):
        return ""
    found = _NODE.fullmatch(text)
    try:
        return str(ipaddress.ip_address((found[1] or found[2]) if found else ""))
    except ValueError as error:
        raise ForwardedError("for names no address") from error
