"""API keys and editors' passwords: how they are made, stored and checked."""

from __future__ import annotations

import hashlib
import hmac
import secrets

_SCRYPT = {"n": 2**15, "r": 8, "p": 1, "maxmem": 64 * 1024 * 1024}


def new_api_key() -> str:
    """A new key of 256 random bits; the prefix lets secret scanners find a leaked one."""
    return f"acv_{secrets.token_urlsafe(32)}"


def api_key_digest(key: str, pepper: bytes) -> str:
    """What the database keeps instead of the key: HMAC-SHA-256 under the pepper, in hex."""
    return hmac.new(pepper, key.encode(), hashlib.sha256).hexdigest()


def password_hash(password: str, salt: bytes | None = None) -> str:
    """Hash a password with scrypt; gives `salt$hash`, both in hex."""
    salt = salt or secrets.token_bytes(16)
    return f"{salt.hex()}${hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT).hex()}"


def password_matches(password: str, stored: str) -> bool:
    """Compare in constant time."""
    salt, _, _ = stored.partition("$")
    return hmac.compare_digest(password_hash(password, bytes.fromhex(salt)), stored)
