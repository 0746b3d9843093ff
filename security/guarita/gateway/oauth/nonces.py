"""Nonces for DPoP (RFC 9449 section 9): made and recognised without remembering any."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from guarita.gateway.keys.thumbprint import encoded

_SIZE: Final = 32
"""Bytes of the shortest secret."""


class Nonces:
    """A nonce is a keyed hash of the period it is given in. It counts in that one and in the next."""

    def __init__(self, secret: bytes | None = None, *, period: float = 300.0) -> None:
        """`secret` (at least 32 bytes) is shared by processes that stand for one service; `period` in seconds.

        Raises ValueError for a shorter one.
        """
        if secret is not None and len(secret) < _SIZE:
            raise ValueError(f"the secret of nonces has at least {_SIZE} bytes")
        self._secret = secret or secrets.token_bytes(_SIZE)
        self._period = period

    def current(self, now: float) -> str:
        """The one to be used at `now` (seconds since the epoch)."""
        return self._of(int(now // self._period))

    def accepts(self, nonce: str, now: float) -> bool:
        """Whether it was given in this period or in the one before."""
        at = int(now // self._period)
        given = nonce.encode()
        return any(hmac.compare_digest(self._of(slot).encode(), given) for slot in (at, at - 1))

    def _of(self, slot: int) -> str:
        return encoded(hmac.digest(self._secret, b"guarita dpop nonce %d" % slot, hashlib.sha256)[:16])
