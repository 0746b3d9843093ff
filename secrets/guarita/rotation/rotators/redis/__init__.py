"""Logins of Redis: two ACL users that take turns, on every node."""

from guarita.rotation.rotators.redis.rotator import build

__all__ = ["build"]
