"""Revocations shared by Redis: a numbered list that each process reads on from where it was.

Every step is one script, so it happens wholly or not at all. Redis may lose everything, or wake up with what it held
a while ago: its epoch and its run tell, and then each process reads all and tells it again what it knows.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import redis
from redis.asyncio import Redis

from guarita.config.gateway_limits import RedisSection
from guarita.gateway.revocation.interface import Feed, FeedGoneError, News, Revocation
from guarita.gateway.shared import connection_pool

_KEYS: Final = [f"{{guarita:revoked}}:{name}" for name in ("epoch", "last", "by-number", "by-end")]
_PIECE: Final = 1000
_PUBLISH: Final = f"""
redis.call('SET', KEYS[1], ARGV[2], 'NX')
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', ARGV[1], 'LIMIT', 0, {_PIECE})) do
  redis.call('ZREM', KEYS[3], member)
  redis.call('ZREM', KEYS[4], member)
end
for index = 3, #ARGV, 2 do
  if not redis.call('ZSCORE', KEYS[4], ARGV[index]) then
    redis.call('ZADD', KEYS[3], redis.call('INCR', KEYS[2]), ARGV[index])
    redis.call('ZADD', KEYS[4], ARGV[index + 1], ARGV[index])
  end
end
"""
_NEWS: Final = f"""
redis.call('SET', KEYS[1], ARGV[2], 'NX')
local server = redis.pcall('INFO', 'server')
local run = type(server) == 'string' and string.match(server, 'run_id:(%w+)') or ''
local found = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, {_PIECE})
return {{redis.call('GET', KEYS[1]) .. run, redis.call('GET', KEYS[2]) or '0', found}}
"""


class RedisFeed(Feed):
    """A feed in Redis. It holds identities and times, and nothing of a token or a subject."""

    def __init__(self, section: RedisSection, folder: Path, *, timeout: float) -> None:
        """`timeout` is in seconds, for each step. Raises as `connection_pool`."""
        self._timeout = timeout
        self._client = Redis(connection_pool=connection_pool(section, folder, timeout=timeout))
        self._publish = self._client.register_script(_PUBLISH)
        self._news = self._client.register_script(_NEWS)
        self._epoch = b""
        self._read = 0

    async def news(self) -> News:
        found: list[Revocation] = []
        lost = False
        while True:
            epoch, last, members = await self._asked(self._news, [self._read, secrets.token_hex(8)])
            if epoch != self._epoch or int(last) < self._read:
                # Another Redis, or one that went back: read it from its beginning.
                lost = True
                restarted = self._read > 0
                self._epoch, self._read = epoch, 0
                if restarted:
                    continue
            found += [one for member in members[::2] if (one := _decoded(member)) is not None]
            if len(members) < 2 * _PIECE:
                self._read = int(last)
                return News(tuple(found), lost)
            self._read = int(members[-1])

    async def publish(self, revocations: Sequence[Revocation], now: float) -> None:
        for start in range(0, len(revocations), _PIECE):
            piece = revocations[start : start + _PIECE]
            said = [word for one in piece for word in (_encoded(one), repr(one.until))]
            await self._asked(self._publish, [repr(now), secrets.token_hex(8), *said])

    async def aclose(self) -> None:
        await self._client.aclose()
        await self._client.connection_pool.disconnect()

    async def _asked(self, script: Any, arguments: list[Any]) -> Any:
        try:
            async with asyncio.timeout(self._timeout):
                return await script(_KEYS, arguments)
        except (redis.RedisError, OSError) as error:  # a timeout is an OSError
            raise FeedGoneError from error


def _encoded(one: Revocation) -> str:
    return f"{one.identity} {one.at!r} {one.until!r} {int(one.every)}"


def _decoded(member: bytes) -> Revocation | None:
    """The revocation, or nothing where somebody else wrote there."""
    words = member.decode("ascii", "replace").split(" ")
    try:
        name, at, until, every = words
        return Revocation(name, float(at), float(until), every == "1")
    except ValueError:
        return None
