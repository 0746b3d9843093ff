"""Attacks on credentials that a browser sends by itself: forged, and from another site (CSRF)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from http.cookies import SimpleCookie

from guarita.gateway.testing.attack.interface import Aim, Attempt, Header, attack
from guarita.gateway.testing.attack.principals import owning

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_ELSEWHERE: tuple[Header, ...] = (
    ("origin", "https://evil.invalid"), ("referer", "https://evil.invalid/"), ("sec-fetch-site", "cross-site"),
    ("sec-fetch-mode", "no-cors"),
)  # fmt: skip


def by_cookie(aim: Aim) -> bool:
    """Whether the right one may come with a cookie."""
    return bool(_brought(aim))


def _brought(aim: Aim) -> list[Header]:
    """The cookies of the right one: his own, or those of a session of his."""
    if aim.right is None:
        return []
    mine = owning(aim.policy, aim.right.principal, aim.target)
    headers = aim.right.given or aim.wallet.session(mine)
    return [one for one in headers if one[0].lower() == "cookie"]


def changes(aim: Aim) -> bool:
    """Whether the right one comes with a cookie to something that another site must not do in his name."""
    return by_cookie(aim) and (aim.target.socket or aim.target.method not in SAFE)


def _cookies(aim: Aim) -> list[tuple[str, str]]:
    said = "; ".join(value for _, value in _brought(aim))
    return [(name, one.coded_value) for name, one in SimpleCookie(said).items()]


@attack(
    "cookie.forged",
    "Session cookies that are changed, cut off, empty or doubled.",
    do="sessions on the server by a random name, or cookies that are signed and checked",
    fits=by_cookie,
)
def forged(aim: Aim) -> Iterator[Attempt]:
    for name, value in _cookies(aim):
        flipped = ("A" if value[:1] != "A" else "B") + value[1:]
        for told, other in (
            ("changed at its beginning", flipped), ("cut in half", value[: len(value) // 2]), ("empty", ""), ("something after it", value + "A"),
            ("a name that is guessed", "1"), ("a path", "../../etc/passwd"), ("null", "null"),
        ):  # fmt: skip
            yield Attempt(aim.sent(("cookie", f"{name}={other}")), f"the cookie {name}, {told}")
        yield Attempt(
            aim.sent(("x-session", value), ("x-session-id", value)), f"the cookie {name} in a header"
        )
        plain = aim.target.plain
        yield Attempt(
            replace(plain, target=f"{plain.target}{'&' if '?' in plain.target else '?'}{name}={value}"),
            f"the cookie {name} in the query",
        )


@attack(
    "cookie.cross-site",
    "What another site makes a browser send: the cookie, and the other site's Origin.",
    do="refuse requests that change something, and WebSockets, from other origins (Origin, Sec-Fetch-Site), and set SameSite",
    fits=changes,
)
def cross_site(aim: Aim) -> Iterator[Attempt]:
    kept = _brought(aim)
    for told, headers in (
        ("from another site", _ELSEWHERE), ("from nowhere (Origin: null)", (("origin", "null"), ("sec-fetch-site", "cross-site"))),
        ("from a site that begins as this one", (("origin", "http://testserver.evil.invalid"), ("sec-fetch-site", "cross-site"))),
        ("from a sister site", (("origin", "http://sister.testserver"), ("sec-fetch-site", "same-site"))),
    ):  # fmt: skip
        yield Attempt(aim.sent(*kept, *headers), f"the right cookie, {told}")


@attack(
    "credential.forged",
    "A credential of the project's own kind, changed a little.",
    do="compare whole credentials in constant time, and take nothing that only begins or looks like one",
    fits=lambda aim: aim.right is not None and any(name.lower() != "cookie" for name, _ in aim.right.given),
)
def changed(aim: Aim) -> Iterator[Attempt]:
    for name, value in aim.as_right():
        scheme, space, rest = value.rpartition(" ")
        flipped = ("A" if rest[:1] != "A" else "B") + rest[1:]
        for told, other in (
            ("changed at its beginning", flipped), ("changed at its end", rest[:-1] + ("A" if rest[-1:] != "A" else "B")),
            ("cut in half", rest[: len(rest) // 2]), ("empty", ""), ("something after it", rest + "A"), ("in other case", rest.swapcase()),
        ):  # fmt: skip
            if other != rest:
                kept = [one for one in aim.as_right() if one[0] != name]
                yield Attempt(aim.sent(*kept, (name, scheme + space + other)), f"the header {name}, {told}")
