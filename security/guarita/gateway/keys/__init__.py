"""Issuers' keys: a JWK Set read strictly, and kept fresh without ever making a known key wait."""

from guarita.gateway.keys.jwks import KeyEntry, KeySet, KeySetError, parse_key_set
from guarita.gateway.keys.source import KeyBounds, KeySource, KeyStatus, UnavailableKeysError
from guarita.gateway.keys.store import KeySetFile

__all__ = [
    "KeyBounds",
    "KeyEntry",
    "KeySet",
    "KeySetError",
    "KeySetFile",
    "KeySource",
    "KeyStatus",
    "UnavailableKeysError",
    "parse_key_set",
]
