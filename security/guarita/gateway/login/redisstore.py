"""Sessions in a Redis that processes share. It holds sealed records, hashes and times, and nothing that opens anything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

from guarita.config.gateway_limits import RedisSection
from guarita.gateway.login.interface import SessionsGoneError, SessionStore
from guarita.gateway.login.memory import ENDED
from guarita.gateway.shared import Circuit, connection_pool

_PREFIX: Final = b"{guarita:session}:"
_BEGIN: Final = """
for index = 3, #KEYS, 2 do
  local at = redis.call('GET', KEYS[index])
  if at and tonumber(ARGV[3]) <= tonumber(at) then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
for index = 2, #KEYS, 2 do
  redis.call('ZREMRANGEBYSCORE', KEYS[index], '-inf', ARGV[5])
  redis.call('ZADD', KEYS[index], ARGV[4], KEYS[1])
  local left = (ARGV[4] - ARGV[5] + 60) * 1000
  if redis.call('PTTL', KEYS[index]) < left then
    redis.call('PEXPIRE', KEYS[index], string.format('%.0f', left))
  end
end
return 1
"""
_REPLACE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1
"""
_END: Final = """
if not redis.call('SET', KEYS[1], '1', 'PX', ARGV[1], 'NX') then return false end
local ended = {}
for index = 2, #KEYS, 2 do
  redis.call('SET', KEYS[index + 1], ARGV[2], 'PX', ARGV[3])
  for _, key in ipairs(redis.call('ZRANGE', KEYS[index], 0, -1)) do
    local record = redis.call('GET', key)
    if record then
      redis.call('DEL', key)
      ended[#ended + 1] = key
      ended[#ended + 1] = record
    end
  end
  redis.call('DEL', KEYS[index])
end
return ended
"""


class RedisSessionStore(SessionStore):
    """Each step is one command or one script, so it happens wholly or not at all."""

    def __init__(
        self,
        section: RedisSection,
        folder: Path,
        *,
        idle: float,
        timeout: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`idle` and `timeout` in seconds: without a touch, and for each step. Raises as `connection_pool`."""
        self._idle = int(idle * 1000)
        self._timeout = timeout
        self._now = now
        self._circuit = Circuit()
        pool = connection_pool(section, folder, timeout=timeout)  # says which extra is missing
        from redis import RedisError  # noqa: PLC0415
        from redis.asyncio import Redis  # noqa: PLC0415

        self._failures = (RedisError, OSError)  # a timeout is an OSError
        self._client = Redis(connection_pool=pool)
        self._begin, self._replace, self._end = map(self._client.register_script, (_BEGIN, _REPLACE, _END))

    async def begin(
        self, key: bytes, record: bytes, names: Sequence[bytes], *, issued: float, ends: float
    ) -> bool:
        said: list[bytes | int | str] = [record, self._idle, repr(issued), repr(ends), repr(self._now())]
        return bool(await self._asked(self._begin([_record(key), *_named(names)], said)))

    async def read(self, key: bytes, *, touch: bool) -> bytes | None:
        name = _record(key)
        step = self._client.getex(name, px=self._idle) if touch else self._client.get(name)
        found: bytes | None = await self._asked(step)
        return found

    async def replace(self, key: bytes, old: bytes, new: bytes) -> bool:
        return bool(await self._asked(self._replace([_record(key)], [old, new])))

    async def end(self, key: bytes) -> None:
        await self._asked(self._client.delete(_record(key)))

    async def end_named(
        self, names: Sequence[bytes], *, at: float, once: bytes, seconds: float
    ) -> list[tuple[bytes, bytes]] | None:
        said: list[int | str] = [int(seconds * 1000) + 1, repr(at), int(ENDED * 1000)]
        found = await self._asked(self._end([_once(once), *_named(names)], said))
        if found is None:
            return None
        keys = [bytes.fromhex(name[len(_record(b"")) :].decode()) for name in found[::2]]
        return list(zip(keys, found[1::2], strict=True))

    async def first_use(self, key: bytes, seconds: float) -> bool:
        step = self._client.set(_once(key), b"1", px=int(seconds * 1000) + 1, nx=True)
        return bool(await self._asked(step))

    async def release(self, key: bytes) -> None:
        await self._asked(self._client.delete(_once(key)))

    async def aclose(self) -> None:
        await self._client.aclose()
        await self._client.connection_pool.disconnect()

    async def _asked(self, step: Awaitable[Any]) -> Any:
        if not self._circuit.may_ask():
            if asyncio.iscoroutine(step):
                step.close()
            raise SessionsGoneError("Redis did not answer a moment ago")
        try:
            async with asyncio.timeout(self._timeout):
                found = await step
        except self._failures as error:
            self._circuit.failed()
            raise SessionsGoneError(f"Redis does not answer: {type(error).__name__}") from error
        self._circuit.worked()
        return found


def _record(key: bytes) -> bytes:
    return _PREFIX + b"s:" + key.hex().encode()


def _once(key: bytes) -> bytes:
    return _PREFIX + b"u:" + key.hex().encode()


def _named(names: Sequence[bytes]) -> list[bytes]:
    """For each name the sessions that have it, and when they were last ended."""
    return [_PREFIX + kind + name.hex().encode() for name in names for kind in (b"n:", b"e:")]
