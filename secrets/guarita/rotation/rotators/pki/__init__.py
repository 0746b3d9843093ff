"""TLS certificates: a key and request of our own, signed by Vault, served, and the old one revoked by its number."""

from guarita.rotation.rotators.pki.rotator import build

__all__ = ["build"]
