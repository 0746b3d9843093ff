"""An OpenID provider over real HTTP on loopback: it logs everybody in at once, and lies as it is told."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from guarita.gateway.testing.issuer import LocalIssuer
from guarita.gateway.testing.signing import SigningKey

_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
Form = dict[str, list[str]]


@dataclass(frozen=True)
class _Login:
    """What stays the same from a login to its renewals."""

    subject: str
    sid: Any
    at: int


class LocalProvider(LocalIssuer):
    """A LocalIssuer that people log in at, and that gives services tokens.

    It knows one client, `client`, by a secret. A code counts once, with its verifier and its address; a refresh
    token too, as long as `rotates` stands, and a second use ends all of its login's.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.subject = "user-1"
        """Who logs in next."""
        self.sid: Any = "session-1"
        self.claims: dict[str, Any] = {}
        """Changes to the next ID tokens; `...` leaves a claim out."""
        self.header: dict[str, Any] = {}
        """Changes to their headers."""
        self.signed_by: SigningKey | None = None
        """Another key than the one that it publishes."""
        self.response: dict[str, Any] = {}
        """Changes to what it sends a browser back with; `...` leaves a parameter out."""
        self.tokens: dict[str, Any] = {}
        """Changes to the token endpoint's answers."""
        self.refuses: str | None = None
        """The error (RFC 6749 section 5.2) that every grant is answered with."""
        self.expires_in: float = 300
        self.rotates = True
        self.metadata: dict[str, Any] = {}
        """Changes to what discovery answers."""
        self.grants: Counter[str] = Counter()
        """Tokens given, by `grant_type`."""
        self.asked: list[dict[str, str]] = []
        """What came to the authorization and token endpoints, in order."""
        self.now: Callable[[], float] = time.time
        """Its clock."""
        self._codes: dict[str, tuple[dict[str, str], _Login]] = {}
        self._refresh: dict[str, _Login] = {}
        """Refresh tokens that count, with whose they are."""
        self._spent: dict[str, _Login] = {}

    def document(self) -> dict[str, Any]:
        """What discovery answers."""
        said = super().document() | {
            "authorization_endpoint": f"{self.issuer}/authorize",
            "end_session_endpoint": f"{self.issuer}/logout",
            "authorization_response_iss_parameter_supported": True,
        }
        return _without(said | self.metadata)

    def answer(self, path: str, form: Form, authorization: str) -> tuple[int, Any]:
        """As a LocalIssuer, and at the endpoints of a provider."""
        said = {name: values[0] for name, values in form.items()}
        if path == f"{self.path}/authorize":
            self.asked.append(said)
            return 303, self._authorized(said)
        if path == f"{self.path}/token":
            self.asked.append(said)
            if not self._knows(authorization):
                return 401, {"error": "invalid_client", "error_description": "canary-description"}
            return self._granted(said)
        return super().answer(path, form, authorization)

    def id_token(self, **claims: Any) -> str:
        """An ID token with these claims; `...` leaves one out."""
        now = int(self.now())
        said = {
            "iss": self.issuer, "aud": self.client[0], "sub": self.subject, "sid": self.sid, "iat": now,
            "exp": now + 600, "auth_time": now,
        } | claims | self.claims  # fmt: skip
        key = self.signed_by or self.keys[-1]
        return key.sign(_without({"alg": key.algorithm, "kid": key.kid} | self.header), _without(said))

    def logout_token(self, *, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """A logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4); `...` leaves a claim out."""
        now = int(self.now())
        said = {
            "iss": self.issuer, "aud": self.client[0], "iat": now, "exp": now + 120, "jti": secrets.token_hex(8),
            "events": {_EVENT: {}}, "sid": self.sid, "sub": self.subject,
        } | claims  # fmt: skip
        key = self.signed_by or self.keys[-1]
        head = {"alg": key.algorithm, "kid": key.kid, "typ": "logout+jwt"} | dict(header or {})
        return key.sign(_without(head), _without(said))

    def _authorized(self, said: dict[str, str]) -> str:
        code = secrets.token_urlsafe(16)
        self._codes[code] = said, _Login(self.subject, self.sid, int(self.now()))
        response = {"code": code, "state": said.get("state", ...), "iss": self.issuer} | self.response
        return f"{said['redirect_uri']}?{urlencode(_without(response))}"

    def _granted(self, said: dict[str, str]) -> tuple[int, Any]:
        if self.refuses is not None:
            return 400, {"error": self.refuses, "error_description": "canary-description"}
        kind = said.get("grant_type", "")
        if kind == "authorization_code":
            answer = self._redeemed(said)
        elif kind == "refresh_token":
            answer = self._refreshed(said)
        else:
            answer = {"scope": said["scope"]} if "scope" in said else {}
            answer["access_token"] = self.mint(sub=said.get("subject_token", self.client[0]))
        if answer is None:
            return 400, {"error": "invalid_grant"}
        self.grants[kind] += 1
        given = {
            "access_token": secrets.token_urlsafe(24),
            "token_type": "Bearer",
            "expires_in": self.expires_in,
        }
        return 200, _without(given | answer | self.tokens)

    def _redeemed(self, said: dict[str, str]) -> dict[str, Any] | None:
        begun, login = self._codes.pop(said.get("code", ""), ({}, None))
        if login is None or said.get("redirect_uri") != begun["redirect_uri"]:
            return None
        digest = hashlib.sha256(said.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != begun.get("code_challenge"):
            return None
        return {
            "id_token": self._about(login, begun.get("nonce", ...)),
            "refresh_token": self._refreshing(login),
        }

    def _refreshed(self, said: dict[str, str]) -> dict[str, Any] | None:
        token = said.get("refresh_token", "")
        if token in self._spent:
            # Somebody has a copy: nobody knows who (RFC 9700 section 4.14.2).
            ended = self._spent[token]
            self._refresh = {held: login for held, login in self._refresh.items() if login is not ended}
            return None
        if token not in self._refresh:
            return None
        login = self._refresh[token]
        answer = {"id_token": self._about(login, ...)}
        if self.rotates:
            self._spent[token] = self._refresh.pop(token)
            answer["refresh_token"] = self._refreshing(login)
        return answer

    def _about(self, login: _Login, nonce: Any) -> str:
        return self.id_token(sub=login.subject, sid=login.sid, auth_time=login.at, nonce=nonce)

    def _refreshing(self, login: _Login) -> str:
        token = secrets.token_urlsafe(24)
        self._refresh[token] = login
        return token


def _without(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value is not ...}
