"""Attacks on DPoP proofs (RFC 9449 section 11), where tokens must be bound."""

from __future__ import annotations

import json
from collections.abc import Iterator

from guarita.gateway.testing.attack.interface import Aim, Attempt, attack
from guarita.gateway.testing.attack.wallet import Mint
from guarita.gateway.testing.signing import SigningKey, b64
from guarita.policy.access import PrincipalData


def by_proof(aim: Aim) -> bool:
    """Whether the right one comes with a token that is bound to a key."""
    if aim.right is None or aim.right.given:
        return False
    mint = aim.wallet.mint(aim.right.principal)
    return mint is not None and mint.proof is not None


def _known(aim: Aim) -> tuple[Mint, SigningKey, PrincipalData]:
    assert aim.right is not None  # noqa: S101  # `by_proof` held
    mint = aim.wallet.mint(aim.right.principal)
    assert mint is not None and mint.proof is not None  # noqa: PT018, S101  # and this
    return mint, mint.proof, aim.right.principal


@attack(
    "dpop.proof",
    "A bound token without its proof, or with a proof of another request, token or key.",
    do="check all twelve points of RFC 9449 section 4.3",
    fits=by_proof,
)
def wrong(aim: Aim) -> Iterator[Attempt]:
    mint, key, who = _known(aim)
    token, url = mint.token(who), f"http://testserver{aim.target.path}"
    unsigned = b64(json.dumps({"typ": "dpop+jwt", "alg": "none", "jwk": key.jwk()}).encode())
    right = key.proof(aim.target.method, url, token)
    for told, proof in (
        ("no proof", None), ("an empty proof", ""), ("another method's proof", key.proof("PATCH", url, token)),
        ("another address's proof", key.proof(aim.target.method, "https://other.invalid/", token)),
        ("another token's proof", key.proof(aim.target.method, url, mint.token(who))), ("a proof of no token", key.proof(aim.target.method, url)),
        ("another key's proof", SigningKey.new().proof(aim.target.method, url, token)), ("a proof of yesterday", key.proof(aim.target.method, url, token, iat=1)),
        ("a proof without a name", key.proof(aim.target.method, url, token, jti=...)), ("an unsigned proof", f"{unsigned}.{right.split('.')[1]}."),
        ("a proof of another type", key.proof(aim.target.method, url, token, header={"typ": "JWT"})),
    ):  # fmt: skip
        headers = () if proof is None else (("dpop", proof),)
        yield Attempt(aim.sent(("authorization", f"DPoP {token}"), *headers), f"a bound token with {told}")
    yield Attempt(aim.sent(("authorization", f"Bearer {token}")), "a bound token as any bearer token")
    yield Attempt(
        aim.sent(("authorization", f"Bearer {token}"), ("dpop", right)),
        "a bound token as any bearer token, with a proof",
    )
    yield Attempt(
        aim.sent(("authorization", f"DPoP {token}"), ("dpop", right), ("dpop", right)), "two proofs"
    )


@attack(
    "dpop.again",
    "A proof that was used before.",
    do="remember proofs for as long as they count (RFC 9449 section 11.1)",
    fits=by_proof,
)
def again(aim: Aim) -> Iterator[Attempt]:
    mint, key, who = _known(aim)
    token = mint.token(who)
    proof = key.proof(aim.target.method, f"http://testserver{aim.target.path}", token)
    sent = aim.sent(("authorization", f"DPoP {token}"), ("dpop", proof))
    yield Attempt(sent, "a right proof", who)
    yield Attempt(sent, "the same proof again")
