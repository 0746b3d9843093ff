"""Issuers' keys: a JWK Set read strictly, and kept fresh without ever making a known key wait."""

from guarita.gateway.keys.jwks import KeyEntry, KeySet, KeySetError, parse_key_set

__all__ = ["KeyEntry", "KeySet", "KeySetError", "parse_key_set"]
