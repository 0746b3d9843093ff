"""FastAPI dependencies: who calls, and what he must be allowed beside the route's own rule.

`Depends(principal)`, `Depends(requires("docs:read"))`, `Depends(subject_token)`; for HTTP and WebSocket routes. They
are coroutines though they wait for nothing: FastAPI runs anything else in a thread, which costs more than the decision.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from starlette.exceptions import HTTPException, WebSocketException
from starlette.requests import HTTPConnection

from guarita.errors import GuaritaError
from guarita.gateway.asgi.answer import answer
from guarita.gateway.asgi.request import request_of
from guarita.gateway.clients.interface import SubjectToken
from guarita.gateway.core import MESSAGES, CredentialMissingError, Gateway
from guarita.gateway.grant import Grant
from guarita.gateway.interface import Principal, Request
from guarita.gateway.oauth.presented import presented
from guarita.gateway.refusal import ForbiddenError, RefusalError

POLICY_VIOLATION = 1008
"""Close code of RFC 6455 section 7.4.1."""


async def principal(connection: HTTPConnection) -> Principal:
    """Who calls; on a public route `guarita.gateway.interface.ANONYMOUS`.

    Raises GuaritaError `gateway.not-installed` where no middleware stands before the application: then
    nothing was checked.
    """
    return _grant(connection).principal


async def subject_token(connection: HTTPConnection) -> SubjectToken:
    """The access token of who calls, for `ServiceClient.on_behalf_of`: from the request, or from his session.

    Raises GuaritaError `gateway.no-subject-token` where he brought none, as with an API key, and RefusalError where
    his session has ended meanwhile.
    """
    grant = _grant(connection)
    gateway: Gateway = connection.scope["guarita.gateway"]
    headers = tuple(connection.scope["headers"])
    token = None
    if grant.principal.authenticator == "session" and gateway.login is not None:
        token = await gateway.login.access_token(headers)
    elif grant.principal.authenticator in {"jwt", "introspection"}:
        brought = presented(Request(connection.scope.get("method", "GET"), grant.rule, headers))
        token = None if brought is None else brought.token.decode("ascii")
    if token is None:
        raise GuaritaError("gateway.no-subject-token", "who calls brought no access token")
    return SubjectToken(token)


def requires(*permissions: str) -> Callable[[HTTPConnection], Coroutine[Any, Any, Principal]]:
    """A dependency that gives who calls, if he has every one of these permissions (`resource:action`).

    It is asked of the access policy that decides now, beside the rule that covers the route. What is refused
    ends as 403, or 401 where nobody is known; a WebSocket is closed with 1008.
    """

    async def checked(connection: HTTPConnection) -> Principal:
        found = _grant(connection)
        gateway: Gateway = connection.scope["guarita.gateway"]
        for permission in permissions:
            decision = gateway.policy.check(found.principal, permission)
            if not decision.allowed:
                raise _refused(connection, found.principal, decision.code, gateway)
        return found.principal

    return checked


def _grant(connection: HTTPConnection) -> Grant:
    grant = connection.scope.get("guarita.grant")
    if not isinstance(grant, Grant):
        raise GuaritaError(
            "gateway.not-installed",
            "no gateway stands before this application",
            hint="app.add_middleware(GatewayMiddleware, gateway=Gateway.from_file(...))",
        )
    return grant


def _refused(connection: HTTPConnection, who: Principal, code: str, gateway: Gateway) -> Exception:
    refusal: RefusalError = ForbiddenError(code, MESSAGES.get(code, "the access policy does not allow it"))
    if code == "access.unauthenticated":
        refusal = CredentialMissingError()
    else:
        gateway.forbidden(refusal, who, tuple(connection.scope["headers"]))
    gateway.report(refusal, request_of(connection.scope, gateway.proxies), who)
    if connection.scope["type"] == "websocket":
        return WebSocketException(POLICY_VIOLATION, code)
    status, headers, _ = answer(refusal, gateway)
    offered = [value.decode("latin-1") for name, value in headers if name == b"www-authenticate"]
    return HTTPException(status, code, {"WWW-Authenticate": ", ".join(offered)} if offered else None)
