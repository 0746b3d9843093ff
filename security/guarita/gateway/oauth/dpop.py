"""DPoP (RFC 9449): who presents a bound token proves for each request that the key is theirs."""

from __future__ import annotations

import hashlib
import hmac
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from guarita.gateway.interface import Request
from guarita.gateway.keys.jwks import KeySetError, parse_key
from guarita.gateway.keys.thumbprint import encoded, thumbprint
from guarita.gateway.oauth.nonces import Nonces
from guarita.gateway.oauth.replay import MemoryReplayStore, ReplayStore
from guarita.gateway.paths import PathError, canonical
from guarita.gateway.refusal import TokenError
from guarita.gateway.tokens.algorithms import ALGORITHMS
from guarita.gateway.tokens.claims import MAX_DATE
from guarita.gateway.tokens.envelope import Envelope, open_envelope

DPOP_ALGORITHMS: Final = ("ES256", "EdDSA", "RS256", "PS256")
MAX_PROOF: Final = 8_192
"""Bytes of a proof."""
MAX_TEXT: Final = 512
"""Characters of a proof's identifier or nonce."""
MAX_URL: Final = 4_096
_PORTS: Final = {"https": 443, "http": 80}
_SOCKETS: Final = {"wss": "https", "ws": "http"}
"""A WebSocket's handshake is a request of HTTP (RFC 6455 section 1.3), which some clients name by the other scheme."""


class ProofError(TokenError):
    """The proof is not acceptable (RFC 9449 section 7.1)."""

    error = "invalid_dpop_proof"


class NonceNeededError(TokenError):
    """The proof must hold the nonce that comes with this refusal (RFC 9449 section 9)."""

    error = "use_dpop_nonce"

    def __init__(self, nonce: str) -> None:
        super().__init__("dpop.nonce", "the DPoP proof must hold the nonce that is given with this answer")
        self.nonce = nonce


@dataclass(frozen=True, slots=True)
class ProofBounds:
    """How old a proof may be. In seconds."""

    max_age: float = 60.0
    leeway: float = 5.0
    """By which a client's clock may be ahead."""


class ProofVerifier:
    """Checks proofs by RFC 9449 section 4.3, all twelve of its points."""

    def __init__(
        self,
        *,
        algorithms: Iterable[str] = DPOP_ALGORITHMS,
        bounds: ProofBounds | None = None,
        replay: ReplayStore | None = None,
        nonces: Nonces | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.algorithms = tuple(algorithms)
        self._bounds = bounds or ProofBounds()
        self._replay = replay or MemoryReplayStore()
        self._nonces = nonces
        self._now = now

    async def check(self, request: Request, token: bytes, bound_to: str) -> None:
        """Return when the request brings a proof by the key of this thumbprint (`jkt`) for this token.

        Raises ProofError, NonceNeededError `dpop.nonce`, UndecidedError `dpop.replay-unavailable`, and
        RefusalError `request.repeated-header` where two proofs are brought.
        """
        proof = request.header(b"dpop")
        if proof is None:
            raise ProofError("dpop.missing", "a DPoP proof is needed with this token")
        envelope = self._opened(proof)
        jkt = self._verified(envelope)
        try:
            claims = envelope.claims()
        except TokenError as error:
            raise ProofError("dpop.format", "the DPoP proof holds no claims that can be read") from error
        if claims.get("htm") != request.method:
            raise ProofError("dpop.method", "the DPoP proof is for another method")
        if type(claims.get("htu")) is not str or not _same_target(claims["htu"], request):
            raise ProofError("dpop.target", "the DPoP proof is for another address")
        now = self._now()
        left = self._fresh(claims.get("iat"), now)
        self._nonce(claims.get("nonce"), now)
        wanted = encoded(hashlib.sha256(token).digest())
        if not _same(claims.get("ath"), wanted):
            raise ProofError("dpop.token", "the DPoP proof is for another token")
        if not hmac.compare_digest(jkt.encode(), bound_to.encode()):
            # The proof may be right: it is the token that is not this key's.
            raise TokenError("dpop.binding", "the token is bound to another key than the DPoP proof's")
        await self._once(claims.get("jti"), jkt, left)

    def _opened(self, proof: bytes) -> Envelope:
        if len(proof) > MAX_PROOF:
            raise ProofError("dpop.format", f"the DPoP proof has more than {MAX_PROOF} bytes")
        try:
            envelope = open_envelope(proof, brings_key=True)
        except TokenError as error:
            raise ProofError("dpop.format", "the DPoP proof is no JWT that can be read") from error
        if envelope.type != "dpop+jwt":
            raise ProofError("dpop.type", "the DPoP proof's type is not dpop+jwt")
        if envelope.algorithm not in self.algorithms or envelope.algorithm not in ALGORITHMS:
            raise ProofError("dpop.algorithm", "the DPoP proof is signed by an algorithm that is not allowed")
        return envelope

    @staticmethod
    def _verified(envelope: Envelope) -> str:
        """The thumbprint of the key that signed."""
        try:
            entry = parse_key(envelope.key, [envelope.algorithm])
        except KeySetError as error:
            raise ProofError("dpop.key", f"the DPoP proof's key: {error}") from error
        if not ALGORITHMS[envelope.algorithm].verify(envelope.signed, entry.key, envelope.signature):
            raise ProofError("dpop.signature", "the DPoP proof's signature is not its key's")
        return thumbprint(entry.key)

    def _fresh(self, issued: Any, now: float) -> float:
        """How many seconds the proof counts still."""
        if type(issued) not in {int, float} or not math.isfinite(issued) or not 0 <= issued < MAX_DATE:
            raise ProofError("dpop.claim", "the DPoP proof's iat is missing, or is no time")
        if not -self._bounds.leeway <= now - issued <= self._bounds.max_age:
            raise ProofError("dpop.time", "the DPoP proof was not made just now")
        return float(issued) + self._bounds.max_age - now

    def _nonce(self, nonce: Any, now: float) -> None:
        if self._nonces is None:
            return
        if type(nonce) is not str or not nonce.isascii() or not self._nonces.accepts(nonce[:MAX_TEXT], now):
            raise NonceNeededError(self._nonces.current(now))

    async def _once(self, identifier: Any, jkt: str, left: float) -> None:
        if type(identifier) is not str or not 0 < len(identifier) <= MAX_TEXT:
            raise ProofError(
                "dpop.claim", "the DPoP proof's jti is missing, or is no text that names something"
            )
        key = hashlib.sha256(f"{jkt} {identifier}".encode()).digest()
        # A second longer than it counts: clocks of processes that share the store differ.
        if not await self._replay.first_use(key, max(left, 0.0) + 1.0):
            raise ProofError("dpop.replay", "the DPoP proof was used before")


def _same(value: Any, wanted: str) -> bool:
    return type(value) is str and value.isascii() and hmac.compare_digest(value.encode(), wanted.encode())


def _same_target(htu: str, request: Request) -> bool:
    """Whether the address is the request's, after RFC 3986 sections 6.2.2 and 6.2.3, without query and fragment."""
    if len(htu) > MAX_URL or not htu.isascii() or not htu.isprintable():
        return False
    try:
        theirs, ours = urlsplit(htu), urlsplit(f"{request.scheme}://{request.host}")
        if "@" in theirs.netloc or "@" in ours.netloc or not theirs.hostname:
            return False
        scheme = _SOCKETS.get(theirs.scheme, theirs.scheme) if request.websocket else theirs.scheme
        same_host = (scheme, theirs.hostname, theirs.port or _PORTS.get(scheme)) == (
            ours.scheme,
            ours.hostname,
            ours.port or _PORTS.get(ours.scheme),
        )
        return same_host and canonical(theirs.path.encode() or b"/") == request.path
    except (ValueError, PathError):
        return False
