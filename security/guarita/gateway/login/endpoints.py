"""The endpoints of a login: begin it, come back from the provider, end it, and be told by the provider that it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Final
from urllib.parse import parse_qsl, quote

from guarita.gateway.asgi.request import peer_of, request_of
from guarita.gateway.asgi.types import Receive, Scope, Send
from guarita.gateway.core import Gateway
from guarita.gateway.interface import Headers, Principal, Request
from guarita.gateway.login import attempt, cookies, pages
from guarita.gateway.login.authenticator import SessionAuthenticator
from guarita.gateway.login.crosssite import must_be_ours, navigates
from guarita.gateway.login.identity import bad_id_token
from guarita.gateway.login.interface import LoginError, Session
from guarita.gateway.login.provider import Provider
from guarita.gateway.login.sealing import Sealer
from guarita.gateway.login.sessions import Sessions, fingerprint
from guarita.gateway.refusal import RefusalError, TokenError

_UNAUTHORIZED: Final = 401
MAX_QUERY: Final = 16_384
"""Bytes of what comes back from the provider by the browser."""
MAX_FORM: Final = 65_536
"""Bytes of what the provider posts."""
_PATIENCE: Final = 10.0
"""Seconds that a form may take to arrive."""
_DENIED: Final = frozenset(
    {"access_denied", "account_selection_required", "consent_required", "interaction_required", "invalid_request",
     "invalid_scope", "invalid_target", "login_required", "request_not_supported", "request_uri_not_supported",
     "registration_not_supported", "server_error", "temporarily_unavailable", "unauthorized_client",
     "unmet_authentication_requirements", "unsupported_response_type"}
)  # fmt: skip
"""Of RFC 6749 section 4.1.2.1 and OpenID Connect Core section 3.1.2.6; nothing else of an answer is shown."""


class MethodError(LoginError):
    """An endpoint takes another method."""

    status = 405

    def __init__(self, allowed: str) -> None:
        super().__init__("login.method", f"this endpoint takes {allowed}")
        self.headers = ((b"allow", allowed.encode()),)


class DeniedError(LoginError):
    """The provider lets nobody in, or its user did not want to."""

    status = 403

    def __init__(self, reason: str) -> None:
        super().__init__(
            "login.denied", f"the provider did not log anybody in: {reason or 'it does not say why'}"
        )


class LoginEndpoints:
    """The gateway's `Login`: four endpoints below one path."""

    def __init__(
        self,
        gateway: Gateway,
        authenticator: SessionAuthenticator,
        sessions: Sessions,
        provider: Provider,
        sealer: Sealer,
        *,
        url: str,
        path: str,
        after_logout: str,
        origins: Collection[str],
        now: Callable[[], float] = time.time,
    ) -> None:
        """`url` is the site as browsers name it, `path` where the endpoints stand, `after_logout` a path of ours."""
        self._gateway = gateway
        self._authenticator = authenticator
        self._sessions = sessions
        self._provider = provider
        self._sealer = sealer
        self._url = url
        self._start = f"{url}{path}/start"
        self._after_logout = url + after_logout
        self._origins = frozenset(origins)
        self._now = now
        self._tasks: set[asyncio.Task[None]] = set()
        self._routes: dict[str, tuple[str, Callable[[Request, Receive, Send], Awaitable[None]]]] = {
            f"{path}/start": ("GET", self._begin),
            f"{path}/callback": ("GET", self._return),
            f"{path}/logout": ("POST", self._logout),
            f"{path}/backchannel": ("POST", self._backchannel),
        }

    def serves(self, path: str) -> bool:
        """As the gateway's Login."""
        return path in self._routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As the gateway's Login."""
        request = None
        method, respond = self._routes[scope["path"]]
        try:
            request = request_of(scope, self._gateway.proxies)
            await self._gateway.arrive(request)
            try:
                if request.method != method:
                    raise MethodError(method)
                await respond(request, receive, send)
            except RefusalError as refusal:
                self._gateway.report(refusal, request)
                raise
        except RefusalError as refusal:
            if request is None:
                self._gateway.turned_away(refusal, scope["method"], peer_of(scope))
            await pages.refuse(send, refusal, self._gateway, request, self._start)

    async def access_token(self, headers: Headers) -> str | None:
        """As the gateway's Login. Raises SessionEndedError, SessionsGoneError."""
        value = cookies.read(headers, cookies.SESSION)
        return (await self._sessions.find(value, touch=False)).access_token if value else None

    def invitation(self, request: Request, refusal: RefusalError) -> str | None:
        """As the gateway's Login: for pages that somebody wants to see, and nothing that a script asks for."""
        if refusal.status != _UNAUTHORIZED or request.websocket:
            return None
        try:
            if request.method != "GET" or request.header(b"authorization") or not navigates(request):
                return None
            query = "?" + request.query.decode("ascii") if request.query else ""
            target = quote(request.path, safe="/!$&'()*+,=:@~") + query
            attempt.target_in(b"return=" + target.encode("ascii"))
        except (RefusalError, UnicodeError):
            return self._start
        return f"{self._start}?return={target}"

    async def aclose(self) -> None:
        """Wait for what is being told to the provider."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _begin(self, request: Request, receive: Receive, send: Send) -> None:  # noqa: ARG002  # as each endpoint
        mode = request.header(b"sec-fetch-mode")
        if mode not in {None, b"navigate"}:
            raise LoginError(
                "login.navigation", "a login is begun by going there, not by a script or an image"
            )
        target = attempt.target_in(request.query)
        browser = _browser(request) or cookies.fresh()
        begun = attempt.begin(target, self._now())
        where = await self._provider.authorization_url(begun, attempt.sealed(begun, browser, self._sealer))
        await pages.see_other(
            send, where, cookies.written(cookies.BROWSER, browser, seconds=int(attempt.TERM))
        )

    async def _return(self, request: Request, receive: Receive, send: Send) -> None:  # noqa: ARG002  # as each endpoint
        said = _once_each(request.query, MAX_QUERY, "login.callback")
        now = self._now()
        before = _session(request)
        begun = attempt.opened(said.get("state", ""), _browser(request), self._sealer, now)
        await self._provider.must_be_theirs(said.get("iss"))
        if "error" in said:
            raise DeniedError(said["error"] if said["error"] in _DENIED else "")
        if not said.get("code"):
            raise LoginError("login.callback", "the provider's answer holds no code")
        if not await self._sessions.first_use(begun.identity, begun.made + attempt.TERM - now + _PATIENCE):
            raise LoginError("login.replayed", "this answer was used before")
        issued, found = await self._provider.redeem(said["code"], begun)
        value, session = await self._sessions.begin(issued, found)
        try:
            principal = self._authenticator.principal(session, fingerprint(value))
        except TokenError as error:
            await self._sessions.end(value)
            raise bad_id_token(error.message) from error
        if before:
            await self._sessions.end(before)
        self._gateway.reporter.session("begun", principal, request)
        await pages.see_other(send, self._url + begun.target, cookies.written(cookies.SESSION, value))

    async def _logout(self, request: Request, receive: Receive, send: Send) -> None:  # noqa: ARG002  # as each endpoint
        must_be_ours(request, self._origins)
        value = _session(request)
        session = await self._sessions.end(value) if value else None
        if session is not None:
            self._gateway.reporter.session("ended", _whose(session, fingerprint(value)), request)
            task = asyncio.get_running_loop().create_task(self._provider.revoke(session))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        where = await self._provider.end_session_url(session) if session is not None else None
        gone = (cookies.removed(cookies.SESSION), cookies.removed(cookies.BROWSER))
        await pages.see_other(send, where or self._after_logout, *gone)

    async def _backchannel(self, request: Request, receive: Receive, send: Send) -> None:
        kind = (request.header(b"content-type") or b"").partition(b";")[0].strip().lower()
        if kind != b"application/x-www-form-urlencoded":
            raise LoginError("logout.form", "expected a form that holds a logout_token")
        said = _once_each(await _body(receive), MAX_FORM, "logout.form")
        token = said.get("logout_token", "")
        if not token.isascii():
            raise LoginError("logout.form", "expected a form that holds a logout_token")
        order = await self._provider.ordered(token.encode("ascii"))
        for name, session in await self._sessions.end_ordered(order):
            self._gateway.reporter.session("ended", _whose(session, name), request)
        await pages.respond(send, 200)


def _whose(session: Session, name: str) -> Principal:
    """Who a session was of, for the record: whatever its claims have become, it has ended."""
    return Principal(
        session.subject,
        session.issuer,
        client_id=session.client_id,
        credential_id=name,
        authenticator="session",
    )


def _browser(request: Request) -> str:
    return cookies.read(request.headers, cookies.BROWSER) or ""


def _session(request: Request) -> str:
    return cookies.read(request.headers, cookies.SESSION) or ""


def _once_each(raw: bytes, limit: int, code: str) -> dict[str, str]:
    """The parameters of a query or a form (RFC 6749 section 3.1: none stands twice). Raises LoginError."""
    try:
        if len(raw) > limit:
            raise LoginError(code, f"more than {limit} bytes came")
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=64, errors="strict")
    except ValueError as error:
        raise LoginError(code, "what came is no form") from error
    found = dict(pairs)
    if len(found) != len(pairs):
        raise LoginError(code, "a parameter came more than once")
    return found


async def _body(receive: Receive) -> bytes:
    """A small body. Raises LoginError `logout.form`."""
    body = bytearray()
    try:
        async with asyncio.timeout(_PATIENCE):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise LoginError("logout.form", "the form did not arrive")
                body += message.get("body", b"")
                if len(body) > MAX_FORM or not message.get("more_body"):
                    return bytes(body)
    except TimeoutError as error:
        raise LoginError("logout.form", f"the form took longer than {_PATIENCE:.0f} seconds") from error
