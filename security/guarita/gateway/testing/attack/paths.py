"""Attacks by paths and methods that two readers read differently (RFC 3986 section 6, RFC 9110 section 9.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from guarita.gateway.testing.attack.interface import Aim, Attempt, attack
from guarita.gateway.testing.attack.principals import NOBODY

METHODS: Final = (
    "GET",
    "HEAD",
    "OPTIONS",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "PURGE",
    "GUARITA",
    "",
)


@attack(
    "path.confusion", "Other spellings of the path: escapes, dot segments, doubled slashes, parameters, case.",
    do="read the path once, and refuse what two readers could read differently; the gateway does, so let nothing rewrite it after",
)  # fmt: skip
def confusion(aim: Aim) -> Iterator[Attempt]:
    path, mark, query = aim.target.plain.target.partition("?")
    for variant in dict.fromkeys(_variants(path)):
        sent = replace(aim.target.plain, target=variant + mark + query)
        yield Attempt(sent, "no credential, the path spelled otherwise")
        for holder in aim.low():
            headers = aim.wallet.headers(holder, aim.target)
            yield Attempt(
                sent.with_headers(*headers), f"{holder.name}, the path spelled otherwise", holder.principal
            )


@attack(
    "path.through-open", "The path by way of one that is open: /open/../closed and its spellings.",
    do="refuse dot segments before any rule is asked; the gateway does, so let nothing rewrite the path after",
)  # fmt: skip
def through_open(aim: Aim) -> Iterator[Attempt]:
    raw = aim.target.plain.target
    for other in aim.others:
        if other.socket or not aim.policy.decide(NOBODY, other.method, other.path).allowed:
            continue
        start = other.plain.target.partition("?")[0].rstrip("/")
        ups = start.count("/")
        for up in (
            "/..",
            "/%2e%2e",
            "/.%2e",
            "/%252e%252e",
            "/..;",
            "\\..",
            "%2f..",
            "/..%2f",
            "/\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}",
        ):
            yield Attempt(
                replace(aim.target.plain, target=_ascii(start + up * ups + raw)),
                "no credential, by way of an open path",
            )
        yield Attempt(replace(aim.target.plain, target=f"{start}{raw}"), "no credential, below an open path")
        break


@attack(
    "method.confusion", "Every other method, in other case, and ones that nobody knows.",
    do="rules by method in gateway.access, and routes that name their methods",
)  # fmt: skip
def other_method(aim: Aim) -> Iterator[Attempt]:
    if aim.target.socket:
        yield Attempt(replace(aim.target.plain, socket=False), "an ordinary request where a WebSocket is")
        return
    wanted = aim.target.method
    for name in dict.fromkeys((*METHODS, wanted.lower(), wanted.capitalize(), wanted + " ", f"{wanted}\x00")):
        sent = replace(aim.target.plain, method=name)
        yield Attempt(sent, f"no credential, the method {name!r}")
        for holder in aim.low():
            headers = aim.wallet.headers(holder, aim.target)
            yield Attempt(
                sent.with_headers(*headers), f"{holder.name}, the method {name!r}", holder.principal
            )
    upgrade = (
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    )
    yield Attempt(
        replace(aim.target.plain.with_headers(*upgrade), method="GET", socket=True, body=b""),
        "a WebSocket's handshake where none is",
    )


def _variants(path: str) -> Iterator[str]:
    first, last = path[1:2], path[-1:]
    yield path + "/"
    yield path.rstrip("/") or "//"
    yield "/" + path
    yield "//" + path
    yield path.replace("/", "//")
    yield path.replace("/", "/./")
    yield "/." + path
    yield f"/x/..{path}"
    yield f"/x/%2e%2e{path}"
    yield f"{path}/."
    yield f"{path}/x/.."
    yield f"{path}/%2e"
    yield path.replace("/", "%2f")
    yield path.replace("/", "%2F", 1)
    yield path.replace("/", "%252f")
    yield path.replace("/", "\\")
    yield path.replace("/", "%5c")
    yield path.replace("/", "/%20")
    if first.isalnum():
        escaped = f"%{ord(first):02x}"
        yield f"/{escaped}{path[2:]}"
        yield f"/%25{escaped[1:]}{path[2:]}"
    for end in (
        ";",
        ";x=1",
        "#",
        "%23",
        "%3f",
        "%00",
        "%0a",
        "%0d%0aX: y",
        "%20",
        "%09",
        ".",
        "..",
        "%2e",
        "~",
        ".json",
        ".html",
        "/.json",
        "&",
        "%ff",
        "%c0%af",
        "%",
    ):
        yield path + end
    yield path.swapcase()
    yield path.upper()
    yield path.capitalize()
    if last.isalnum():
        yield _ascii(path[:-1] + chr(ord(last) + 0xFEE0))  # its full-width form, which NFKC folds back
    yield _ascii(path.replace("/", "\N{FULLWIDTH SOLIDUS}"))
    yield f"http://testserver{path}"
    yield f"http://evil.invalid{path}"
    yield path[1:]
    yield "*"


def _ascii(text: str) -> str:
    return "".join(
        letter if letter.isascii() else "".join(f"%{byte:02X}" for byte in letter.encode()) for letter in text
    )
