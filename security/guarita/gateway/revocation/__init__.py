"""Revocation before the time: of a token, a subject or a client, known in every process and looked up in none but its own."""

from guarita.gateway.revocation.interface import Feed, FeedGoneError, Revocation, revocation
from guarita.gateway.revocation.revocations import Revocations, RevokedError

__all__ = ["Feed", "FeedGoneError", "Revocation", "Revocations", "RevokedError", "revocation"]
