"""Attacks on API keys: other secrets, other environments, other places."""

from __future__ import annotations

import string
from collections.abc import Iterator
from dataclasses import replace

from guarita.gateway.apikeys.form import checksum, generate
from guarita.gateway.testing.attack.interface import Aim, Attempt, attack
from guarita.gateway.testing.attack.principals import owning
from guarita.gateway.testing.attack.wallet import KeyMint
from guarita.policy.access import PrincipalData

_CHECK = 6
"""Characters of the checksum."""


def by_key(aim: Aim) -> bool:
    """Whether API keys are taken here, and somebody is let through."""
    return aim.wallet.keys is not None and aim.right is not None


def _known(aim: Aim) -> tuple[KeyMint, PrincipalData]:
    assert aim.wallet.keys is not None and aim.right is not None  # noqa: PT018, S101  # `by_key` held
    return aim.wallet.keys, owning(aim.policy, aim.right.principal, aim.target)


@attack(
    "apikey.forged",
    "Keys with another secret, checksum, environment or owner.",
    do="compare keyed hashes of whole keys: docs/gateway-keys.md",
    fits=by_key,
)
def forged(aim: Aim) -> Iterator[Attempt]:
    mint, who = _known(aim)
    key, other = mint.key(who), mint.key(who)
    body, check = key[:-_CHECK], key[-_CHECK:]
    start, _, secret = body.rpartition("_")
    flipped = start + "_" + ("a" if secret[0] != "a" else "b") + secret[1:]
    swapped = start + "_" + other[:-_CHECK].rpartition("_")[2]
    moved = key.replace(f"grt_{mint.environments[0]}_", "grt_other_")[:-_CHECK]
    for told, value in (
        ("another secret", flipped + checksum(flipped)), ("another key's secret", swapped + checksum(swapped)),
        ("a wrong checksum", body + check[::-1] if check != check[::-1] else body + "000000"), ("another environment", moved + checksum(moved)),
        ("its end cut off", key[:-1]), ("something after it", key + "A"), ("a line end after it", key + "%0a"),
        ("its case changed", key.swapcase()), ("an id that nobody has", generate(mint.environments[0]).text),
        ("nothing in it", ""), ("only its public part", start), ("a wildcard", "*"), ("another alphabet", key.translate(_WIDE)),
    ):  # fmt: skip
        yield Attempt(aim.sent((mint.header, value)), f"an API key with {told}")
        yield Attempt(
            aim.sent(("authorization", f"ApiKey {value}")), f"an API key with {told}, in Authorization"
        )


@attack(
    "apikey.ended",
    "Keys that were revoked, or have ended.",
    do="ask the store about a key at most `cache_seconds` late",
    fits=by_key,
)
def ended(aim: Aim) -> Iterator[Attempt]:
    mint, who = _known(aim)
    yield Attempt(aim.sent((mint.header, mint.key(who, revoked=True))), "a revoked API key")
    yield Attempt(aim.sent((mint.header, mint.key(who, expires=-1))), "an API key that has ended")


@attack(
    "apikey.elsewhere",
    "A right key where keys are not looked for, or in two places.",
    do="take API keys from their one header",
    fits=by_key,
)
def elsewhere(aim: Aim) -> Iterator[Attempt]:
    mint, who = _known(aim)
    key, plain = mint.key(who), aim.target.plain
    joint = "&" if "?" in plain.target else "?"
    for name in ("api_key", "apikey", "key", mint.header.lower()):
        yield Attempt(
            replace(plain, target=f"{plain.target}{joint}{name}={key}"),
            f"a right API key in the query, as {name}",
        )
        yield Attempt(aim.sent(("cookie", f"{name}={key}")), f"a right API key in the cookie {name}")
    yield Attempt(
        aim.sent((mint.header.replace("-", "_"), key)), "a right API key in a header with underscores"
    )
    yield Attempt(aim.sent(("authorization", f"Bearer {key}")), "a right API key as a bearer token")
    yield Attempt(aim.sent((mint.header, key), (mint.header, key)), "a right API key twice")
    yield Attempt(
        aim.sent((mint.header, key), ("authorization", f"ApiKey {key}")), "a right API key in two places"
    )


_WIDE = str.maketrans({letter: chr(ord(letter) + 0x60) for letter in string.ascii_letters})
"""Letters of Latin-1 in their place."""
