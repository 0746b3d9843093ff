"""Attacks by people with right credentials, against what the policy says of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from guarita.gateway.testing.attack.examples import filled
from guarita.gateway.testing.attack.interface import Aim, Attempt, Target, attack
from guarita.gateway.testing.attack.principals import owning


@attack(
    "access.low-privilege", "Everybody whom the policy lets through elsewhere, on this route.",
    do="let the gateway decide about this route: a rule in gateway.access, and the gateway before it", fits=lambda aim: bool(aim.lows),
)  # fmt: skip
def low_privilege(aim: Aim) -> Iterator[Attempt]:
    for holder in aim.lows:
        yield Attempt(
            aim.sent(*aim.wallet.headers(holder, aim.target)),
            f"{holder.name}, rightly signed in",
            holder.principal,
        )


@attack(
    "access.other-owner", "Somebody else's things, by changing what the path names.",
    do="an `owner` condition on the rule, and in the handler the subject of the credential rather than of the path",
    fits=lambda aim: aim.right is not None and bool(aim.target.values),
)  # fmt: skip
def other_owner(aim: Aim) -> Iterator[Attempt]:
    assert aim.right is not None  # noqa: S101  # as `fits` says
    mine = owning(aim.policy, aim.right.principal, aim.target)
    for name, value in aim.target.values.items():
        for other in _others(value):
            path = filled(aim.target.template, {**aim.target.values, name: other})
            query = aim.target.plain.target.partition("?")[1:]
            sent = replace(aim.target.plain, target=path + "".join(query))
            headers = aim.wallet.headers(replace(aim.right, principal=mine), _at(aim.target, sent.target))
            yield Attempt(
                sent.with_headers(*headers), f"{aim.right.name} with {{{name}}} of somebody else", mine
            )


@attack(
    "access.remembered", "Nobody, and everybody else, right after somebody who may.",
    do="keep caches of answers behind the gateway, or key them by the credential", fits=lambda aim: aim.right is not None,
)  # fmt: skip
def remembered(aim: Aim) -> Iterator[Attempt]:
    assert aim.right is not None  # noqa: S101  # as `fits` says
    for holder in (None, *aim.lows):
        yield Attempt(
            aim.sent(*aim.as_right()),
            f"{aim.right.name} himself",
            owning(aim.policy, aim.right.principal, aim.target),
        )
        if holder is None:
            yield Attempt(aim.sent(), "nobody, right after somebody who may")
        else:
            headers = aim.wallet.headers(holder, aim.target)
            yield Attempt(
                aim.sent(*headers), f"{holder.name}, right after somebody who may", holder.principal
            )


def _others(value: str) -> Iterator[str]:
    if value.isdigit():
        yield str(int(value) + 1)
        yield "0"
    else:
        yield f"{value}-2"
        yield "admin"
        yield value.swapcase()


def _at(target: Target, raw: str) -> Target:
    return replace(target, plain=replace(target.plain, target=raw))
