"""Whether a principal is revoked, by what this process knows, and how it learns of more."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from guarita.config.gateway_limits import RedisSection, RevocationSection
from guarita.errors import MissingExtraError, UsageError
from guarita.gateway.interface import Principal, Request
from guarita.gateway.metering import UNMEASURED, Meter
from guarita.gateway.refusal import TokenError, UndecidedError
from guarita.gateway.revocation.interface import Feed, FeedGoneError, Revocation
from guarita.gateway.revocation.known import Known


class RevokedError(TokenError):
    """The credential is revoked: `token.revoked`."""

    def __init__(self) -> None:
        super().__init__("token.revoked", "the token was revoked")


class Revocations:
    """A check of the gateway. Looking up waits for nobody; a task of its own asks the feed.

    A revocation that is published is refused by every process at most `poll` seconds and the feed's timeout
    later, or, where the feed is gone, what `when_gone` declares happens after `max_age` seconds.
    """

    def __init__(
        self,
        feed: Feed | None = None,
        *,
        poll: float = 1.0,
        max_age: float = 10.0,
        when_gone: Literal["deny", "allow"] = "deny",
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """Without a feed this process is alone. Times are in seconds; `now` since the epoch, `clock` monotonic.

        `changed` is called when something more is revoked: whoever remembers decisions forgets them then.
        """
        self._feed = feed
        self._poll = poll
        self._max_age = max_age
        self._when_gone = when_gone
        self._now = now
        self._clock = clock
        self._changed = changed
        self._known = Known()
        self._untold = False
        self._fresh = float("-inf")
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.meter: Meter = UNMEASURED

    async def start(self) -> None:
        """Ask the feed once, and from then on again and again."""
        if self._feed is not None and self._task is None:
            with contextlib.suppress(FeedGoneError):
                await self.sync()
            self._task = asyncio.get_running_loop().create_task(self._follow())

    async def check(
        self,
        principal: Principal,
        request: Request,  # noqa: ARG002  # a check of the gateway has it
        rule: str,  # noqa: ARG002  # and this
    ) -> Sequence[tuple[bytes, bytes]]:
        """Nothing, where the credential may be used. Raises as `must_be_good`."""
        self.must_be_good(principal)
        return ()

    def must_be_good(self, principal: Principal) -> None:
        """Raise RevokedError for a revoked credential, UndecidedError where that cannot be known now."""
        if self._known.revoked(principal):
            raise RevokedError
        if self._known.full:
            raise UndecidedError("revocation.full", "too much is revoked to tell what is not")
        if (
            self._feed is not None
            and self._when_gone == "deny"
            and self._clock() - self._fresh > self._max_age
        ):
            raise UndecidedError("revocation.stale", "what was revoked lately cannot be known now")

    async def revoke(self, *revocations: Revocation) -> None:
        """Revoke here at once, and everywhere by the feed.

        Raises UndecidedError `revocation.unpublished` where the feed is gone: it holds here, and is told to
        the others when the feed is back and this process still is.
        """
        self._take(revocations)
        if self._feed is None:
            return
        try:
            await self._feed.publish(revocations, self._now())
        except FeedGoneError:
            self._untold = True
            raise UndecidedError(
                "revocation.unpublished",
                "the revocation could not be told to the other processes",
                hint="run it again when Redis is back: again is harmless",
            ) from None

    async def sync(self) -> None:
        """Learn what is new, and tell a feed that forgot. Raises FeedGoneError."""
        if self._feed is None:
            return
        asked = self._clock()
        try:
            news = await self._feed.news()
        except FeedGoneError:
            self.meter.asked("revocation", answered=False)
            raise
        self._take(news.revocations)
        self._known.forget(self._now())
        self._untold = self._untold or news.lost
        if self._untold:
            await self._feed.publish(self._known.all(), self._now())
            self._untold = False
        self._fresh = asked
        self.meter.asked("revocation", answered=True)
        self.meter.revocations(len(self._known))

    async def aclose(self) -> None:
        """Stop asking."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._feed is not None:
            await self._feed.aclose()

    def _take(self, revocations: Sequence[Revocation]) -> None:
        now = self._now()
        if sum(self._known.add(one) for one in revocations if one.until > now):
            self._changed()

    async def _follow(self) -> None:
        # A client that is cancelled at the moment of its own timeout may keep that to itself: the flag ends this then.
        while not self._closed:
            await asyncio.sleep(self._poll)
            with contextlib.suppress(FeedGoneError):
                await self.sync()


def build_revocations(
    section: RevocationSection,
    redis: RedisSection | None,
    folder: Path,
    *,
    changed: Callable[[], None] = lambda: None,
) -> Revocations:
    """The revocations that guarita.yaml describes. Raises UsageError `revocation.redis`, and for Redis' extra."""
    if redis is None:
        raise UsageError(
            "revocation.redis", "gateway.revocation: there is no gateway.redis by which to share revocations"
        )
    try:
        from guarita.gateway.revocation.redisfeed import RedisFeed  # noqa: PLC0415  # needs an extra
    except ModuleNotFoundError as error:
        raise MissingExtraError("gateway-redis", error.name or "redis") from error

    return Revocations(
        RedisFeed(redis, folder, timeout=section.timeout_seconds),
        poll=section.poll_seconds,
        max_age=section.max_age_seconds,
        when_gone=section.when_gone,
        changed=changed,
    )
