"""Keys that sign tokens: published before they sign, withdrawn after the last token has ended."""

from guarita.rotation.rotators.jwt.rotator import build

__all__ = ["build"]
