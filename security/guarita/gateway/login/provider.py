"""The OpenID provider, as far as a login asks it something or believes it something."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from guarita.config.gateway_login import LoginSection
from guarita.errors import UsageError
from guarita.gateway.keys.source import KeySource
from guarita.gateway.login.attempt import Attempt
from guarita.gateway.login.identity import (
    Identity,
    LogoutOrder,
    bad_id_token,
    bad_logout_token,
    identity,
    logout_order,
    must_be_fresh,
    must_be_same,
    must_fit,
)
from guarita.gateway.login.interface import LoginError, Session
from guarita.gateway.oauth.clientauth import Client
from guarita.gateway.oauth.discovery import Discovery
from guarita.gateway.oauth.tokenendpoint import GrantRefusedError, Issued, TokenEndpoint
from guarita.gateway.outbound import Outbound
from guarita.gateway.refusal import RefusalError, TokenError, UndecidedError
from guarita.gateway.tokens.claims import Claims, Expectation
from guarita.gateway.tokens.verifier import Trust, Unverified, Verifier

_LIFETIME: Final = 7_776_000.0
"""Seconds that an ID token may live: it is looked at when it comes, and then no more."""
_ENDED: Final = frozenset({"invalid_grant", "interaction_required", "login_required", "consent_required"})
"""What a renewal is refused by because the login is over. Anything else is a fault of ours or theirs."""


class LoginUnavailableError(UndecidedError):
    """The provider cannot be asked."""

    def __init__(self, reason: str) -> None:
        super().__init__("login.unavailable", f"nobody can log in now: {reason}")


class Provider:
    """One provider, for one client. May be used from any event loop."""

    def __init__(
        self,
        section: LoginSection,
        client: Client,
        outbound: Outbound,
        discovery: Discovery,
        keys: KeySource,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.issuer = section.issuer
        self.client_id = client.name
        self.scopes = frozenset(section.scopes)
        """What is asked for."""
        self.redirect_uri = f"{section.url}{section.path}/callback"
        self.tokens = TokenEndpoint(
            section.issuer, lambda: discovery.endpoint("token_endpoint"), client, outbound, now=now
        )
        self._section = section
        self._client = client
        self._outbound = outbound
        self._discovery = discovery
        self._keys = keys
        self._now = now
        expected = Expectation(
            section.issuer,
            frozenset({client.name}),
            section.leeway,
            max_lifetime=_LIFETIME,
            profile=False,
        )
        algorithms = frozenset(section.algorithms)
        self._expected = expected
        # By their types no access token passes as an ID token, and neither as a logout token (RFC 8725 section 3.11).
        self._id_tokens = Verifier([Trust(expected, algorithms, frozenset({"", "jwt"}))])
        self._logout_tokens = Verifier([Trust(expected, algorithms, frozenset(section.logout_types))])

    async def authorization_url(self, attempt: Attempt, state: str) -> str:
        """Where the browser goes to log in (OpenID Connect Core section 3.1.2.1). Raises LoginUnavailableError."""
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri  # noqa: PLC0415  # heavy
        from authlib.oauth2.rfc7636 import create_s256_code_challenge  # noqa: PLC0415

        return str(
            prepare_grant_uri(
                await self._endpoint("authorization_endpoint"),
                self._client.name,
                "code",
                redirect_uri=self.redirect_uri,
                scope=" ".join(self._section.scopes),
                state=state,
                nonce=attempt.nonce,
                code_challenge=create_s256_code_challenge(attempt.verifier),
                code_challenge_method="S256",
                max_age=None if self._section.max_age is None else str(self._section.max_age),
                **self._section.parameters,
            )
        )

    async def must_be_theirs(self, issuer: str | None) -> None:
        """Return where the answer's `iss` (RFC 9207 section 2.4) is this provider's, or is missing and may be.

        Raises LoginError `login.issuer`, LoginUnavailableError.
        """
        if issuer is None:
            try:
                document = (await self._discovery.metadata()).document
            except UndecidedError as error:
                raise LoginUnavailableError(error.message) from error
            if document.get("authorization_response_iss_parameter_supported") is not True:
                return
        if issuer != self.issuer:
            raise LoginError("login.issuer", "the answer is another provider's")

    async def redeem(self, code: str, attempt: Attempt) -> tuple[Issued, Identity]:
        """What a code is good for. Raises LoginError `login.code`, `login.id-token`, LoginUnavailableError."""
        try:
            issued = await self.tokens.ask(
                {
                    "grant_type": "authorization_code",
                    "code": code,
                    "redirect_uri": self.redirect_uri,
                    "code_verifier": attempt.verifier,
                }
            )
        except GrantRefusedError as error:
            raise LoginError(
                "login.code", f"the provider does not take its code back: {error.reason}"
            ) from error
        except (UndecidedError, UsageError) as error:
            raise LoginUnavailableError(error.message) from error
        if issued.id_token is None:
            raise bad_id_token("none came")
        found, algorithm = await self._identified(issued.id_token)
        section = self._section
        must_be_fresh(
            found, nonce=attempt.nonce, max_age=section.max_age, leeway=section.leeway, now=self._now()
        )
        must_fit(found, algorithm, access_token=issued.access_token, code=code)
        return issued, found

    async def renew(self, session: Session) -> tuple[Issued, Identity | None] | None:
        """What a refresh token is good for (RFC 6749 section 6); None where the login is over.

        Raises LoginUnavailableError.
        """
        try:
            issued = await self.tokens.ask(
                {"grant_type": "refresh_token", "refresh_token": session.refresh_token or ""}
            )
        except GrantRefusedError as error:
            if error.reason in _ENDED:
                return None
            raise LoginUnavailableError(error.message) from error
        except (UndecidedError, UsageError) as error:
            raise LoginUnavailableError(error.message) from error
        if issued.id_token is None:
            return issued, None
        try:
            found, algorithm = await self._identified(issued.id_token)
            must_be_same(found, session)
            must_fit(found, algorithm, access_token=issued.access_token)
        except LoginError:
            return None  # what the provider says is not about this login any more
        return issued, found

    async def ordered(self, token: bytes) -> LogoutOrder:
        """What a logout token orders. Raises LoginError `logout.token`, LoginUnavailableError."""
        try:
            opened = self._logout_tokens.open(token)
            claims = await self._verified(self._logout_tokens, opened, {"sub": "nobody", **opened.claims})
        except TokenError as error:
            raise bad_logout_token(error.message) from error
        return logout_order(claims, opened.claims, self._now(), self._section.leeway)

    async def end_session_url(self, session: Session | None) -> str | None:
        """Where the browser goes to log out there too (OpenID Connect RP-Initiated Logout 1.0 section 2)."""
        try:
            endpoint = await self._discovery.optional("end_session_endpoint")
        except UndecidedError:
            return None
        if endpoint is None:
            return None
        said = {
            "client_id": self._client.name,
            "post_logout_redirect_uri": self._section.url + self._section.after_logout,
        }
        if session is not None:
            said["id_token_hint"] = session.id_token
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(said)}"

    async def revoke(self, session: Session) -> None:
        """Tell the provider that the refresh token is not used again (RFC 7009), as far as it listens."""
        if session.refresh_token is None:
            return
        said = {"token": session.refresh_token, "token_type_hint": "refresh_token"}
        try:
            endpoint = await self._discovery.optional("revocation_endpoint")
            if endpoint is not None:
                form, headers = self._client.identify(said, self._now)
                await self._outbound.post(endpoint, urlencode(form).encode(), limit=65_536, headers=headers)
        except (RefusalError, UsageError):
            return  # it ends by itself

    async def warm(self) -> None:
        """Fetch metadata and keys ahead of the first login. Raises RefusalError."""
        await self._keys.warm()

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        await self._outbound.aclose()

    async def _endpoint(self, name: str) -> str:
        try:
            return await self._discovery.endpoint(name)
        except UndecidedError as error:
            raise LoginUnavailableError(error.message) from error

    async def _identified(self, token: str) -> tuple[Identity, str]:
        try:
            opened = self._id_tokens.open(token.encode())
            claims = await self._verified(self._id_tokens, opened, opened.claims)
        except TokenError as error:
            raise bad_id_token(error.message) from error
        return identity(claims, self._client.name), opened.envelope.algorithm

    async def _verified(self, verifier: Verifier, opened: Unverified, said: Mapping[str, Any]) -> Claims:
        """Raises TokenError, LoginUnavailableError."""
        try:
            keys = await self._keys.find(opened.envelope.kid, opened.envelope.algorithm)
        except UndecidedError as error:
            raise LoginUnavailableError(error.message) from error
        filled = Unverified(opened.trust, opened.envelope, dict(said))
        return verifier.verify(filled, keys, self._now())
