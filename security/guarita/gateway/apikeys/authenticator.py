"""Who holds an API key: `X-API-Key: …` or `Authorization: ApiKey …`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Literal

from guarita.gateway.apikeys.cache import RecordCache
from guarita.gateway.apikeys.form import MAX_LENGTH, ApiKey, MalformedKeyError, parse
from guarita.gateway.apikeys.hashing import Peppers
from guarita.gateway.apikeys.interface import KeyRecord, KeyStore
from guarita.gateway.apikeys.uses import LastUses
from guarita.gateway.interface import Authenticator, Principal, Request
from guarita.gateway.metering import Meter
from guarita.gateway.refusal import RefusalError, TokenError

ISSUER: Final = "api-key"
"""The issuer of every principal that an API key names."""
_THREADS: Final = 4
_NO_DIGEST: Final = bytes(32)

Reason = Literal[
    "apikey.malformed",
    "apikey.checksum",
    "apikey.environment",
    "apikey.unknown",
    "apikey.wrong-secret",
    "apikey.revoked",
    "apikey.expired",
]


class ApiKeyError(TokenError):
    """The key is not acceptable. The client learns only that; `audit_code` says why."""

    def __init__(self, reason: Reason, key_id: str = "") -> None:
        super().__init__("apikey.refused", "the API key is not acceptable")
        self.reason = reason
        self.key_id = key_id
        """The key's public part, where it has one; nobody has shown yet to hold that key."""

    @property
    def audit_code(self) -> str:
        return self.reason


class TwoCredentialsError(RefusalError):
    """Two keys in one request: two readers might take two."""

    status = 400
    error = "invalid_request"

    def __init__(self) -> None:
        super().__init__("apikey.two-credentials", "the request brings an API key in two places")


class ApiKeyAuthenticator(Authenticator):
    """Verifies API keys by their records in a store."""

    name = "api-key"

    def __init__(
        self,
        store: KeyStore,
        peppers: Peppers,
        *,
        environments: Iterable[str] = ("live",),
        header: str = "X-API-Key",
        cache_seconds: float = 30.0,
        timeout: float = 2.0,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """A key that is revoked in the store is refused at most `cache_seconds` later.

        `timeout` (seconds) is what a request may wait for the store. `now` is in seconds since the epoch.
        """
        self._store = store
        self._peppers = peppers
        self.environments = tuple(environments)
        self.header = header
        self._header = header.lower().encode("ascii")
        self._now = now
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="guarita-apikeys")
        self._cache = RecordCache(store, seconds=cache_seconds, timeout=timeout, clock=clock, pool=self._pool)
        self._uses = LastUses(store, self._pool)

    @property
    def meter(self) -> Meter:
        """Who is told of lookups, and of how the store does."""
        return self._cache.meter

    @meter.setter
    def meter(self, meter: Meter) -> None:
        self._cache.meter = meter

    async def authenticate(self, request: Request) -> Principal | None:
        """Who holds the key, or None where there is none.

        Raises ApiKeyError, TwoCredentialsError, RepeatedHeaderError, StoreError when it cannot be known now.
        """
        brought = self._brought(request)
        if brought is None:
            return None
        key = self._parsed(brought)
        record = await self._cache.get(key.key_id)
        now = self._now()
        self._check(key, record, now)
        assert record is not None  # noqa: S101  # _check raises without one
        self._uses.note(key.key_id, now)
        return Principal(
            subject=record.subject,
            issuer=ISSUER,
            scopes=record.scopes,
            roles=record.roles,
            client_id=record.name,
            credential_id=record.key_id,
            expires=record.expires,
            authenticator=self.name,
            claims={"iat": record.created, "env": record.environment},
        )

    def challenges(self) -> tuple[str, ...]:
        return ("ApiKey",)

    def forget(self, key_id: str) -> None:
        """Ask the store about this key the next time, whatever is remembered."""
        self._cache.forget(key_id)

    async def aclose(self) -> None:
        await self._cache.aclose()
        await self._uses.flush()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._store.close()

    def _brought(self, request: Request) -> bytes | None:
        plain = request.header(self._header)
        authorization = request.header(b"authorization")
        if authorization is not None:
            scheme, _, rest = authorization.partition(b" ")
            if scheme.lower() == b"apikey":
                if plain is not None:
                    raise TwoCredentialsError
                return rest.strip(b" ")
        return plain

    def _parsed(self, brought: bytes) -> ApiKey:
        if len(brought) > MAX_LENGTH or not brought.isascii():
            raise ApiKeyError("apikey.malformed")
        try:
            key = parse(brought.decode("ascii"))
        except MalformedKeyError as error:
            raise ApiKeyError("apikey.checksum" if error.checksum else "apikey.malformed") from None
        if key.environment not in self.environments:
            raise ApiKeyError("apikey.environment", key.key_id)
        return key

    def _check(self, key: ApiKey, record: KeyRecord | None, now: float) -> None:
        # The hash is taken for every key, so that time does not tell which ids exist.
        digest, pepper = (_NO_DIGEST, "") if record is None else (record.digest, record.pepper)
        right = self._peppers.matches(key.text, digest, pepper)
        if record is None:
            raise ApiKeyError("apikey.unknown", key.key_id)
        if not right or record.environment != key.environment or record.key_id != key.key_id:
            raise ApiKeyError("apikey.wrong-secret", key.key_id)
        if record.revoked is not None:
            raise ApiKeyError("apikey.revoked", key.key_id)
        if now >= record.expires:
            raise ApiKeyError("apikey.expired", key.key_id)
