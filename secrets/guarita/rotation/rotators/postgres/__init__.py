"""Logins of PostgreSQL, by two users that take turns."""

from guarita.rotation.rotators.postgres.rotator import build

__all__ = ["build"]
