"""What is revoked, and the seam by which processes tell each other."""

from __future__ import annotations

import abc
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["token", "subject", "client"]

SLACK: Final = 300.0
"""Seconds that a revocation outlives what it revokes: a token is good a little beyond its `exp`, by the clocks' leeway."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """One token, or all that a subject or a client got until then. Times are in seconds since the epoch."""

    identity: str
    """`identity(kind, issuer, value)`: hashed, since subjects are personal data."""
    at: float
    """Of a subject or client, tokens issued then or before are revoked. Does not matter for one token."""
    until: float
    """When no such token can be good any more."""
    every: bool
    """Whether it is about all tokens, whenever they were issued: so for one token by its identity."""


def revocation(kind: Kind, issuer: str, value: str, *, at: float, until: float) -> Revocation:
    """Revoke a token by its `jti`, a subject by `sub`, a client by `client_id`, all of this issuer."""
    return Revocation(identity(kind, issuer, value), at, until + SLACK, kind == "token")


@functools.lru_cache(maxsize=16_384)
def identity(kind: Kind, issuer: str, value: str) -> str:
    """A name for what is revoked that shows nothing of it: 32 hex digits."""
    whole = hashlib.blake2b(digest_size=16, person=b"guarita revoked")
    for part in (kind, issuer, value):
        raw = part.encode("utf-8", "surrogatepass")
        whole.update(len(raw).to_bytes(4) + raw)
    return whole.hexdigest()


class FeedGoneError(Exception):
    """The feed did not answer in time. Never leaves this package."""


@dataclass(frozen=True, slots=True)
class News:
    """What came in since the last time."""

    revocations: tuple[Revocation, ...]
    lost: bool
    """Whether the feed is another than the last time, or has forgotten: everything known is to be told to it again."""


class Feed(abc.ABC):
    """Where revocations are shared. It remembers how far it was read."""

    @abc.abstractmethod
    async def news(self) -> News:
        """What was published since the last call. Raises FeedGoneError."""

    @abc.abstractmethod
    async def publish(self, revocations: Sequence[Revocation], now: float) -> None:
        """Tell the others; again is harmless. `now` is in seconds since the epoch. Raises FeedGoneError."""

    @abc.abstractmethod
    async def aclose(self) -> None:
        """Let go of connections."""
