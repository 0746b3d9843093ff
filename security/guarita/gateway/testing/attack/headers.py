"""Attacks by headers: who somebody says he is, from where, and which request he says this is."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from guarita.gateway.testing.attack.interface import Aim, Attempt, Header, Sent, Target, attack
from guarita.gateway.testing.attack.principals import NOBODY, owning
from guarita.policy.access import PrincipalData

IDENTITY: Final = (
    "x-forwarded-user", "x-forwarded-email", "x-forwarded-groups", "x-forwarded-preferred-username", "x-remote-user",
    "remote-user", "x-user", "x-user-id", "x-userid", "x-username", "x-user-email", "x-user-role", "x-user-roles",
    "x-auth-user", "x-auth-request-user", "x-auth-request-email", "x-auth-request-groups", "x-authenticated-user",
    "x-authenticated-userid", "x-consumer-username", "x-webauth-user", "x-token-subject", "x-jwt-claim-sub", "x-role",
    "x-roles", "x-scopes", "x-groups", "x-tenant-id", "x-admin", "x-is-admin", "x-internal", "x-internal-request",
    "x-guarita-subject", "x-guarita-issuer", "x-guarita-client", "x-guarita-scopes", "x-guarita-roles",
    "x-ssl-client-verify", "x-ssl-client-s-dn", "ssl-client-verify", "x-client-dn", "x-goog-authenticated-user-email",
    "x-ms-client-principal", "x-ms-client-principal-name", "x-amzn-oidc-identity",
)  # fmt: skip
"""Headers by which proxies tell services who calls, and anybody can."""
ADDRESSES: Final = (
    "x-forwarded-for", "x-real-ip", "x-client-ip", "x-originating-ip", "x-remote-ip", "x-remote-addr", "x-cluster-client-ip",
    "true-client-ip", "cf-connecting-ip", "fastly-client-ip", "x-envoy-external-address", "x-forwarded-host",
    "x-forwarded-server", "x-host",
)  # fmt: skip
REWRITES: Final = (
    "x-original-url", "x-rewrite-url", "x-original-uri", "x-forwarded-uri", "x-forwarded-path", "x-forwarded-prefix",
    "x-envoy-original-path", "x-request-uri", "x-script-name", "x-accel-redirect",
)  # fmt: skip
OVERRIDES: Final = (
    "x-http-method-override", "x-http-method", "x-method-override", "x-forwarded-method", "x-original-method", "x-method",
)  # fmt: skip
_NAMES: Final = ("admin", "root", "true", "1", "SUCCESS")


@attack(
    "header.identity", "Headers by which a proxy would say who calls: alone, beside a low credential, and beside a right one.",
    do="read who calls from `Depends(principal)` or scope['guarita.grant'], never from a header that the client can send",
)  # fmt: skip
def identity(aim: Aim) -> Iterator[Attempt]:
    # What a gateway refuses by itself stands apart, so that the rest is tried behind it.
    ours = tuple(name for name in IDENTITY if name.startswith("x-guarita-"))
    others = tuple(name for name in IDENTITY if name not in ours)
    for names in (others, ours, _underscored(others), _underscored(ours)):
        for value in _NAMES:
            everything = tuple((name, value) for name in names)
            yield from _for_each(aim, everything, f"headers that say the caller is {value}")
    if aim.right is None:
        return
    mine = owning(aim.policy, aim.right.principal, aim.target)
    for name in IDENTITY:
        for value in (f"canary-{secrets.token_hex(8)}", "admin"):
            sent = aim.sent(*aim.as_right(), (name, value))
            yield Attempt(sent, f"{aim.right.name} with the header {name}", mine, canary=value)


@attack(
    "header.address", "Headers by which a proxy would say where a caller is: this machine, or the network within.",
    do="take client addresses from declared proxies only: gateway.proxies, and the last hop that is none of them",
)  # fmt: skip
def address(aim: Aim) -> Iterator[Attempt]:
    for value in ("127.0.0.1", "::1", "localhost", "10.0.0.1", "192.168.0.1"):
        for name in ADDRESSES:
            yield from _for_each(
                aim, [(name, value)], f"the header {name} that says the caller is at {value}"
            )
    yield from _for_each(
        aim, [("forwarded", "for=127.0.0.1;host=localhost;proto=https")], "Forwarded: for=127.0.0.1"
    )
    yield Attempt(replace(aim.sent(), client="127.0.0.1"), "no credential, from this machine")


@attack(
    "header.rewrite", "Headers by which some frameworks take another path than the request's.",
    do="let nothing behind the gateway read a path from a header",
)  # fmt: skip
def rewrite(aim: Aim) -> Iterator[Attempt]:
    told = "a header that asks for another path"
    for other in _open_to(aim, NOBODY):
        # Asked for what is open, by a header that means the target; and the other way round.
        yield from (Attempt(_moved(other, aim.target, name), told) for name in REWRITES)
        yield from (Attempt(_moved(aim.target, other, name), told) for name in REWRITES)
    for holder in aim.lows:
        for other in _open_to(aim, holder.principal):
            headers = aim.wallet.headers(holder, other)
            yield from (
                Attempt(
                    _moved(other, aim.target, name).with_headers(*headers),
                    f"{holder.name} with {told}",
                    holder.principal,
                )
                for name in REWRITES
            )


@attack(
    "header.method", "Headers and fields by which some frameworks take another method than the request's.",
    do="let nothing behind the gateway take a method from a header, a query or a form",
)  # fmt: skip
def method(aim: Aim) -> Iterator[Attempt]:
    wanted, plain = aim.target.method, aim.target.plain
    joint = "&" if "?" in plain.target else "?"
    for asked in ("GET", "POST", "PUT", "OPTIONS", "HEAD"):
        if asked == wanted or aim.target.socket:
            continue
        fields = f"{plain.target}{joint}_method={wanted}&_HttpMethod={wanted}"
        named = [(name, wanted) for name in (*OVERRIDES, *_underscored(OVERRIDES))]
        for headers, target in ((), fields), *(((one,), plain.target) for one in named):
            sent = replace(plain, method=asked, target=target).with_headers(*headers)
            told = f"{asked} that asks to be taken for {wanted}"
            yield Attempt(sent, told)
            for holder in aim.lows:
                given = aim.wallet.headers(holder, aim.target)
                yield Attempt(sent.with_headers(*given), f"{holder.name}, {told}", holder.principal)


@attack(
    "header.huge", "Very many and very long headers.", do="bound headers in the server (uvicorn: --h11-max-incomplete-event-size)",
)  # fmt: skip
def huge(aim: Aim) -> Iterator[Attempt]:
    yield Attempt(aim.sent(*((f"x-{number}", "a") for number in range(2_000))), "two thousand headers")
    yield Attempt(aim.sent(("authorization", "Bearer " + "a" * 1_000_000)), "a credential of a megabyte")
    yield Attempt(
        aim.sent(("cookie", "; ".join(f"c{number}=a" for number in range(5_000)))), "five thousand cookies"
    )


def _underscored(names: Iterable[str]) -> tuple[str, ...]:
    """As a WSGI server takes them for the same."""
    return tuple(name.replace("-", "_") for name in names)


def _for_each(aim: Aim, headers: Iterable[Header], told: str) -> Iterator[Attempt]:
    """Nobody with these headers, and somebody low."""
    given = tuple(headers)
    yield Attempt(aim.sent(*given), told)
    for holder in aim.low():
        yield Attempt(
            aim.sent(*aim.wallet.headers(holder, aim.target), *given),
            f"{holder.name} with {told}",
            holder.principal,
        )


def _open_to(aim: Aim, principal: PrincipalData) -> Iterator[Target]:
    """One other target that this principal may reach."""
    for other in aim.others:
        if (
            other.template != aim.target.template
            and not other.socket
            and aim.policy.decide(principal, other.method, other.path).allowed
        ):
            yield other
            return


def _moved(asked: Target, meant: Target, name: str) -> Sent:
    return replace(asked.plain, method=meant.method if not meant.socket else asked.method).with_headers(
        (name, meant.path)
    )
