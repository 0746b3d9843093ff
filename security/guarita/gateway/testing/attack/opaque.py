"""Attacks on opaque tokens: ones that their issuer says something else of (RFC 7662 section 2.2)."""

from __future__ import annotations

import time
from collections.abc import Iterator

from guarita.gateway.testing.attack.interface import Aim, Attempt, attack
from guarita.gateway.testing.attack.principals import owning
from guarita.gateway.testing.attack.wallet import OpaqueMint
from guarita.policy.access import PrincipalData

DAY = 86_400


def by_introspection(aim: Aim) -> bool:
    """Whether an issuer is asked about tokens here, and somebody is let through."""
    return aim.wallet.opaque is not None and aim.right is not None


def _known(aim: Aim) -> tuple[OpaqueMint, PrincipalData]:
    assert aim.wallet.opaque is not None and aim.right is not None  # noqa: PT018, S101  # `by_introspection` held
    return aim.wallet.opaque, owning(aim.policy, aim.right.principal, aim.target)


@attack(
    "opaque.answer",
    "Opaque tokens of which their issuer says that they have ended, are for others, or are no access tokens.",
    do="check all that introspection answers, as if it stood in a token: docs/gateway-tokens.md",
    fits=by_introspection,
)
def answer(aim: Aim) -> Iterator[Attempt]:
    mint, who = _known(aim)
    now = int(time.time())
    for told, changes in (
        ("is not active", {"active": False}), ("has ended", {"exp": now - DAY}), ("is not valid yet", {"nbf": now + DAY}),
        ("is for another audience", {"aud": "https://other.invalid"}), ("is of another issuer", {"iss": "https://issuer.invalid"}),
        ("is a refresh token", {"token_type": "refresh_token"}), ("is active by a text", {"active": "true"}),
        ("is active by a number", {"active": 1}), ("names nobody", {"sub": "", "client_id": ""}),
        ("is bound to a key", {"cnf": {"jkt": "x" * 43}}),
    ):  # fmt: skip
        token = mint.token(who, **changes)
        sent = aim.sent(("authorization", f"Bearer {token}"))
        unreadable = type(changes.get("active", True)) is not bool
        yield Attempt(sent, f"a token of which its issuer says that it {told}", undecided=unreadable)
    right = mint.token(who)
    for told, value in (
        ("something after it", right + "x"),
        ("its end cut off", right[:-1]),
        ("its case changed", right.swapcase()),
        ("padding", right + "="),
    ):
        yield Attempt(aim.sent(("authorization", f"Bearer {value}")), f"an opaque token with {told}")
