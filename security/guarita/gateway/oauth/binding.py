"""Bound tokens (RFC 7800): a token that names a key counts only with a proof that the key is the sender's."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Final

from guarita.gateway.interface import Request
from guarita.gateway.oauth.dpop import ProofVerifier
from guarita.gateway.oauth.presented import DPOP, Presented
from guarita.gateway.refusal import TokenError

JKT: Final = "jkt"
"""RFC 9449 section 6.1."""
CERTIFICATE: Final = "x5t#S256"
"""RFC 8705 section 3.1."""


class Binding:
    """Checks what a token is bound to. Without a ProofVerifier DPoP-bound tokens are refused."""

    def __init__(self, proofs: ProofVerifier | None = None, *, required: bool = False) -> None:
        """With `required` a token that is bound to nothing is refused (RFC 9728, `dpop_bound_access_tokens_required`)."""
        self.proofs = proofs
        self.required = required

    async def check(self, presented: Presented, confirmation: Mapping[str, str], request: Request) -> None:
        """Return when every binding in `cnf` is proven, and the scheme fits.

        Raises TokenError `token.confirmation`, `token.unbound`, `dpop.required`, `dpop.unbound`,
        `certificate.missing`, `certificate.mismatch`, and as `ProofVerifier.check`.
        """
        if request.again:
            return  # proven when the connection began; its proof counts once, and for a minute
        if not confirmation.keys() <= {JKT, CERTIFICATE}:
            raise TokenError("token.confirmation", "the token is bound to a key in a way not understood here")
        if self.required and not confirmation:
            raise TokenError("token.unbound", "the token must be bound to a key of its sender's")
        if CERTIFICATE in confirmation:
            _certificate(confirmation[CERTIFICATE], request)
        if JKT in confirmation:
            if self.proofs is None or presented.scheme != DPOP:
                raise TokenError(
                    "dpop.required", "the token is bound to a key and counts only with a DPoP proof"
                )
            await self.proofs.check(request, presented.token, confirmation[JKT])
        elif presented.scheme == DPOP:
            raise TokenError("dpop.unbound", "the token was sent by the scheme DPoP, and is bound to no key")


def _certificate(wanted: str, request: Request) -> None:
    if not request.certificate:
        raise TokenError(
            "certificate.missing", "the token is bound to a certificate, and none came with the request"
        )
    if not hmac.compare_digest(request.certificate.encode(), wanted.encode()):
        raise TokenError("certificate.mismatch", "the token is bound to another certificate")
