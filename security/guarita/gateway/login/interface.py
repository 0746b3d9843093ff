"""The seam of sessions: what one is, where it is kept, and what is said when it is over."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

import msgspec

from guarita.gateway.refusal import RefusalError, TokenError, UndecidedError


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Who logged in, and what the provider gave for it. Times are in seconds since the epoch."""

    issuer: str
    subject: str
    client_id: str
    sid: str
    """The session's name at the provider; empty where it gives none."""
    claims: dict[str, Any]
    """Of the ID token. `iat` stays the login's, whatever is renewed: by it a subject is revoked."""
    scopes: tuple[str, ...]
    begun: float
    ends: float
    """After which it is over in any case."""
    renew_at: float | None
    """When the provider is to be asked whether it lasts; None where nothing can be asked."""
    good_until: float | None
    """Until when it lasts without an answer."""
    access_token: str
    access_type: str
    refresh_token: str | None
    id_token: str

    def __repr__(self) -> str:
        return f"Session(issuer={self.issuer!r}, begun={self.begun!r})"

    __str__ = __repr__


class LoginError(RefusalError):
    """A login, or its end, does not come about: `login.*`, `logout.*`."""

    status = 400
    error = "invalid_request"
    challenges = False


class CrossSiteError(RefusalError):
    """Another site makes the browser ask, with a cookie that is not that site's to use."""

    status = 403
    error = "invalid_request"
    challenges = False

    def __init__(self) -> None:
        super().__init__("session.cross-site", "a session is not used at another site's request")


class SessionEndedError(TokenError):
    """The session of this cookie is over, or never was."""

    def __init__(self) -> None:
        super().__init__("session.ended", "the session is over: log in again")


class SessionsGoneError(UndecidedError):
    """Where sessions are kept is out of reach, or who vouches for one."""

    def __init__(self, reason: str) -> None:
        super().__init__("session.unavailable", f"sessions cannot be looked up now: {reason}")


class SessionStore(abc.ABC):
    """Keeps records that it cannot read, by keys that open nothing. Every method may raise SessionsGoneError."""

    @abc.abstractmethod
    async def begin(
        self, key: bytes, record: bytes, names: Sequence[bytes], *, issued: float, ends: float
    ) -> bool:
        """Keep a new session under its names. False where one of them was ended at `issued` or later.

        Both times are in seconds since the epoch: the login's, and the session's last.
        """

    @abc.abstractmethod
    async def read(self, key: bytes, *, touch: bool) -> bytes | None:
        """The record, unless nobody touched it for too long. With `touch` somebody does now."""

    @abc.abstractmethod
    async def replace(self, key: bytes, old: bytes, new: bytes) -> bool:
        """Keep `new` where `old` was. False where it was not: then it was ended, or replaced already."""

    @abc.abstractmethod
    async def end(self, key: bytes) -> None:
        """Forget a session."""

    @abc.abstractmethod
    async def end_named(
        self, names: Sequence[bytes], *, at: float, once: bytes, seconds: float
    ) -> list[tuple[bytes, bytes]] | None:
        """Forget all sessions of these names, and for a while those whose login was at `at` or before.

        Gives keys and records. None, and nothing is done, where `once` was used before; it is, for so many
        `seconds`, from now on.
        """

    @abc.abstractmethod
    async def first_use(self, key: bytes, seconds: float) -> bool:
        """Whether this was not used before; it is from now on, for so many seconds."""

    @abc.abstractmethod
    async def release(self, key: bytes) -> None:
        """Take back a first use: nothing came of it."""

    async def aclose(self) -> None:  # noqa: B027  # memory holds nothing to let go of
        """Let go of connections."""
