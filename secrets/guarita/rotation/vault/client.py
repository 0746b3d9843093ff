"""Calls to Vault or OpenBao, each with a bound in time, and errors that say whether to try again."""

from __future__ import annotations

import contextlib
import email.utils
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

import hvac
import requests
from hvac import exceptions as raised

from guarita.rotation.errors import PermanentError, TransientError

Login = Callable[[hvac.Client], None]
"""Gives the client a token. Raises RotationError."""

_NO_CONTENT: Final = 204
_SEALED: Final = 503
_OPERATOR: Final = 300.0
"""Seconds until what a person has to mend is tried again."""


class VaultRefusedError(PermanentError):
    """Vault understood the request and says no (status 400), or has no such path for this method (404, 405)."""


class UnansweredError(TransientError):
    """The connection failed. A request that changes something may have been carried out: read back."""


class Vault:
    """A logged-in client. Not for several threads at once."""

    def __init__(
        self, client: hvac.Client, login: Login, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`login` is called before the first request, and once more when a token is refused. See `connect`."""
        self._client = client
        self._login = login
        self._in = False
        self._clock = clock
        self._heard: tuple[float, float] | None = None
        client.session.hooks["response"].append(self._listen)
        self.requests = 0
        """How many requests were sent."""

    @property
    def address(self) -> str:
        """Where it is."""
        return str(self._client.url)

    def now(self) -> float:
        """The time by the server's own clock, in seconds since the epoch: from its last answer's `Date`.

        Raises TransientError when it cannot be asked.
        """
        if self._heard is None:
            self.call("get", "sys/health")
        if self._heard is None:
            raise TransientError("vault.no-date", f"{self.address}: answers without a Date (RFC 9110, 6.6.1)")
        date, at = self._heard
        return date + (self._clock() - at)

    def read(self, path: str, **query: Any) -> dict[str, Any] | None:
        """The `data` at a path below /v1/, or None where there is none."""
        answer = self.call("get", path, params=query)
        return None if answer is None else dict(answer.get("data") or {})

    def list(self, path: str) -> list[str]:
        """The names below a path; none where there is no such path."""
        answer = self.call("list", path)
        return [] if answer is None else [str(key) for key in answer["data"].get("keys") or ()]

    def write(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """POST, and what came back as `data` (empty for 204). Never repeated: UnansweredError says read back."""
        answer = self.call("post", path, body)
        return {} if answer is None else dict(answer.get("data") or {})

    def delete(self, path: str) -> None:
        """DELETE; that nothing is there is no error."""
        self.call("delete", path)

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, Any] | None = None,
    ) -> dict[str, Any] | None:
        """One request; None for 404 and for an answer without a body.

        Raises VaultRefusedError, UnansweredError, TransientError (`vault.sealed`, `vault.forbidden`, …).
        """
        options: dict[str, Any] = {"json": body} if body is not None else {}
        if params:
            options["params"] = dict(params)
        try:
            if not self._in:
                self._login(self._client)
                self._in = True
            try:
                return self._sent(method, path, options)
            except raised.Forbidden:
                # The token may have ended. What was refused was not done, so this may be repeated.
                self._login(self._client)
                return self._sent(method, path, options)
        except raised.VaultError as error:
            raise explained(error, self.address, path) from None  # its text may quote the request
        except requests.RequestException as error:
            raise UnansweredError(
                "vault.unreachable",
                f"{self.address}: no answer ({type(error).__name__}) for {path}",
                hint="is it up, and may this host reach it?",
            ) from None

    def revoke_self(self, token: str) -> None:
        """Have another token end itself. One that cannot (a batch token) is left to its lifetime."""
        other = hvac.Client(url=self.address)
        other.adapter = type(self._client.adapter).from_adapter(self._client.adapter)
        other.token = token
        self.requests += 1
        with contextlib.suppress(raised.VaultError, requests.RequestException):
            other.adapter.request("post", "/v1/auth/token/revoke-self")

    def close(self) -> None:
        """Close the connections. The token is left to its lifetime."""
        self._client.adapter.close()

    def _sent(self, method: str, path: str, options: Mapping[str, Any]) -> dict[str, Any] | None:
        self.requests += 1
        try:
            answer = self._client.adapter.request(method, f"/v1/{quote(path, safe='/')}", **options)
        except raised.InvalidPath as error:
            # KV v2 answers 404 for a version that was deleted, and says which.
            told = error.json if isinstance(error.json, dict) else {}
            return told if told.get("data") else None
        if isinstance(answer, dict):
            return answer
        if answer.status_code == _NO_CONTENT:
            return None
        raise UnansweredError(
            "vault.not-vault",
            f"{self.address}: answered {path} with something that is not Vault's JSON (status {answer.status_code})",
            hint="is there a proxy in between, or another server at this address?",
        )

    def _listen(self, answer: requests.Response, *_: Any, **__: Any) -> None:
        sent = email.utils.parsedate_tz(answer.headers.get("Date", ""))
        if sent is not None:
            self._heard = (float(email.utils.mktime_tz(sent)), self._clock())


def explained(error: raised.VaultError, address: str, path: str) -> TransientError | PermanentError:
    """A failure of Vault's as one of ours. Its own text is left out."""
    if isinstance(error, raised.Forbidden | raised.Unauthorized):
        return TransientError(
            "vault.forbidden",
            f"{address}: this token may not use {path}",
            hint="`guarita rotate rbac` prints the policy that the configuration needs",
            delay=_OPERATOR,
        )
    if isinstance(error, raised.VaultDown):
        return TransientError(
            "vault.sealed", f"{address}: sealed, or in maintenance ({_SEALED})", hint="unseal it", delay=10.0
        )
    if isinstance(error, raised.RateLimitExceeded):
        return TransientError("vault.rate-limited", f"{address}: too many requests", delay=10.0)
    if isinstance(error, raised.InvalidRequest | raised.UnsupportedOperation):
        return VaultRefusedError("vault.refused", f"{address}: refused the request to {path}")
    return TransientError("vault.failed", f"{address}: failed at {path} ({type(error).__name__})", delay=10.0)
