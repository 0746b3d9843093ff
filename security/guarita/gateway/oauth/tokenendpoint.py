"""An issuer's token endpoint (RFC 6749 section 3.2): one grant for one answer, read strictly."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from guarita.errors import UsageError
from guarita.gateway.oauth.clientauth import Client, Form
from guarita.gateway.oauth.prover import Prover
from guarita.gateway.outbound import Answer, Outbound, check_endpoint
from guarita.gateway.refusal import RefusalError, UndecidedError
from guarita.gateway.tokens import strictjson
from guarita.gateway.tokens.claims import MAX_SCOPES

MAX_ANSWER: Final = 131_072
"""Bytes."""
MAX_TOKEN: Final = 65_536
"""Characters of one token."""
MAX_TERM: Final = 31_622_400
"""Seconds that a token may say it lives."""
_REFUSED: Final = frozenset({400, 401, 403})
_ERRORS: Final = frozenset(
    {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
     "invalid_scope", "invalid_target", "invalid_dpop_proof", "use_dpop_nonce", "consent_required",
     "interaction_required", "login_required"}
)  # fmt: skip
"""Of RFC 6749 section 5.2, RFC 8693 section 2.2.2, RFC 8707 section 2, RFC 9449 sections 5 and 8, OpenID Connect."""
_NONCES: Final = 2
"""Attempts: the second one has the nonce that was asked for."""


class GrantRefusedError(RefusalError):
    """The issuer says no."""

    status = 502
    error = ""

    def __init__(self, issuer: str, reason: str) -> None:
        super().__init__("grant.refused", f"{issuer} gives no token: {reason or 'it does not say why'}")
        self.reason = reason
        """The error code of RFC 6749 section 5.2, or empty: what else an issuer says is not repeated."""


class GrantUnavailableError(UndecidedError):
    """The issuer cannot be asked, or what it answers cannot be read."""

    def __init__(self, issuer: str, reason: str) -> None:
        super().__init__("grant.unavailable", f"{issuer} cannot be asked for a token: {reason}")


@dataclass(frozen=True, slots=True)
class Issued:
    """What a grant was answered with (RFC 6749 section 5.1)."""

    access_token: str = field(repr=False)
    type: str
    """`Bearer` or `DPoP`."""
    expires: float | None
    """Seconds since the epoch, by our clock, counted from before we asked; None where the issuer does not say."""
    scopes: frozenset[str] | None
    """None where they are those that were asked for."""
    refresh_token: str | None = field(repr=False, default=None)
    id_token: str | None = field(repr=False, default=None)
    issued_type: str = ""
    """`issued_token_type` of RFC 8693 section 2.2.1."""


class TokenEndpoint:
    """Asks one issuer for tokens, as one client. May be used from any event loop."""

    def __init__(
        self,
        issuer: str,
        endpoint: str | Callable[[], Awaitable[str]],
        client: Client,
        outbound: Outbound,
        *,
        prover: Prover | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """With a prover the tokens are bound to its key. Raises UsageError `gateway.endpoint`."""
        if isinstance(endpoint, str):
            check_endpoint(endpoint, insecure_loopback=outbound.insecure_loopback)
        self.issuer = issuer
        self._endpoint = endpoint
        self._client = client
        self._outbound = outbound
        self._prover = prover
        self._now = now
        self._nonce = ""

    async def ask(self, grant: Form) -> Issued:
        """The tokens for a grant.

        Raises GrantRefusedError `grant.refused`, GrantUnavailableError `grant.unavailable`, UsageError
        `gateway.secret`.
        """
        for _ in range(_NONCES):
            asked = self._now()
            answer = await self._post(grant)
            try:
                said = strictjson.parse(answer.body)
                if answer.status in _REFUSED:
                    refused = said.get("error")
                    if refused == "use_dpop_nonce" and self._prover is not None:
                        continue
                    raise GrantRefusedError(self.issuer, _registered(refused))
                return self._read(said, asked)
            except strictjson.StrictJsonError as error:
                raise GrantUnavailableError(self.issuer, f"its answer: {error}") from error
        raise GrantRefusedError(self.issuer, "use_dpop_nonce")

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        await self._outbound.aclose()

    async def _post(self, grant: Form) -> Answer:
        form, headers = self._client.identify(grant, self._now)
        try:
            where = self._endpoint if isinstance(self._endpoint, str) else await self._endpoint()
            if self._prover is not None:
                headers["dpop"] = self._prover.proof("POST", where, nonce=self._nonce)
            answer = await self._outbound.post(
                where, urlencode(form, doseq=True).encode(), limit=MAX_ANSWER, headers=headers, also=_REFUSED
            )
        except (UndecidedError, UsageError) as error:
            raise GrantUnavailableError(self.issuer, error.message) from error
        self._nonce = answer.dpop_nonce or self._nonce
        return answer

    def _read(self, said: dict[str, Any], asked: float) -> Issued:
        """Raises StrictJsonError."""
        kind = said.get("token_type")
        types = {"bearer": "Bearer"} | ({"dpop": "DPoP"} if self._prover is not None else {})
        if type(kind) is not str or kind.lower() not in types:
            # A token of another type must not be used as if it were of ours (RFC 6749 section 7.1).
            raise strictjson.StrictJsonError("its token is of a type that was not asked for")
        if self._prover is not None and kind.lower() != "dpop":
            raise strictjson.StrictJsonError("its token is not bound to our key")
        term = said.get("expires_in")
        if term is not None and (type(term) not in {int, float} or not 0 < term <= MAX_TERM):
            raise strictjson.StrictJsonError("its expires_in is no number of seconds")
        scope = _text(said, "scope", empty=True)
        scopes = None if scope is None else frozenset(scope.split(" ")) - {""}
        if scopes is not None and len(scopes) > MAX_SCOPES:
            raise strictjson.StrictJsonError("it names too many scopes")
        access_token = _text(said, "access_token")
        if access_token is None:
            raise strictjson.StrictJsonError("it holds no access_token")
        return Issued(
            access_token=access_token,
            type=types[kind.lower()],
            expires=None if term is None else asked + term,
            scopes=scopes,
            refresh_token=_text(said, "refresh_token"),
            id_token=_text(said, "id_token"),
            issued_type=_text(said, "issued_token_type") or "",
        )


def _registered(error: Any) -> str:
    return error if type(error) is str and error in _ERRORS else ""


def _text(said: dict[str, Any], name: str, *, empty: bool = False) -> str | None:
    """A member that is visible ASCII (RFC 6749 appendix A), or None where it is not there."""
    value = said.get(name)
    if value is None:
        return None
    if type(value) is not str or not value.isascii() or not value.isprintable() or len(value) > MAX_TOKEN:
        raise strictjson.StrictJsonError(f"its {name} is no text that can be sent on")
    if not value and not empty:
        raise strictjson.StrictJsonError(f"its {name} is empty")
    return value
