"""How each proxy tells of the request that it asks about.

Each contract reads the headers that its proxy sets itself, and no other: a proxy hands its client's headers through
beside them.
"""

from __future__ import annotations

from collections.abc import Callable

from guarita.gateway.asgi.request import METHOD_SAFE, judge_headers
from guarita.gateway.asgi.types import Scope
from guarita.gateway.interface import Headers, Request
from guarita.gateway.paths import canonical
from guarita.gateway.proxies import PeerError, Proxies
from guarita.gateway.refusal import RefusalError

_SESSION = b"__Host-guarita="
"""The session's cookie (`guarita.gateway.login.cookies`)."""
Contract = Callable[[Scope, Proxies], Request]


class ContractError(RefusalError):
    """The proxy does not say what its contract promises: its configuration is wrong."""

    status = 400
    error = "invalid_request"


def nginx(scope: Scope, proxies: Proxies) -> Request:
    """`X-Original-Method` and `X-Original-URI` (nginx.org, ngx_http_auth_request_module: set by `proxy_set_header`)."""
    return _request(scope, proxies, b"x-original-method", b"x-original-uri")


def traefik(scope: Scope, proxies: Proxies) -> Request:
    """`X-Forwarded-Method` and `X-Forwarded-Uri` (doc.traefik.io, ForwardAuth)."""
    return _request(scope, proxies, b"x-forwarded-method", b"x-forwarded-uri")


def envoy(scope: Scope, proxies: Proxies) -> Request:
    """The request's own method and path, behind our prefix (envoyproxy.io, ext_authz `http_service.path_prefix`)."""
    told = {name for name, _ in scope["headers"]}
    with_session = any(name == b"cookie" and _SESSION in value for name, value in scope["headers"])
    if with_session and told.isdisjoint({b"origin", b"sec-fetch-site"}):
        # Envoy hands on what it is told to: a cookie without these may come from any site.
        raise ContractError(
            "forward.contract",
            "the proxy hands on a session, and neither Origin nor Sec-Fetch-Site",
            hint="docs/gateway-login.md has what Envoy must hand on",
        )
    raw = scope["raw_path"].removeprefix(b"/envoy")
    return _made(scope, proxies, scope["method"], raw + b"?" + scope.get("query_string", b""))


def must_be_declared(scope: Scope, proxies: Proxies) -> None:
    """Raise PeerError unless the peer is a declared proxy: nobody else asks on behalf of a client."""
    if not proxies.trusts(_peer(scope)):
        raise PeerError(
            "request.undeclared-proxy",
            "a peer that is no declared proxy asks about a request",
            hint="declare it in gateway.proxies",
        )


def _peer(scope: Scope) -> str:
    return str((scope.get("client") or ("", 0))[0])


def _request(scope: Scope, proxies: Proxies, method: bytes, target: bytes) -> Request:
    return _made(
        scope, proxies, _said(scope["headers"], method).decode("latin-1"), _said(scope["headers"], target)
    )


def _made(scope: Scope, proxies: Proxies, method: str, target: bytes) -> Request:
    headers: Headers = tuple(scope["headers"])
    judge_headers(headers)
    peer = _peer(scope)
    if not method or not METHOD_SAFE.issuperset(method):
        raise ContractError("request.method", "the method is none of HTTP's")
    host = next((value.decode("latin-1") for name, value in headers if name == b"host"), "")
    origin = proxies.origin(headers, peer=peer, scheme=scope.get("scheme", "http"), host=host)
    path, _, query = target.partition(b"?")
    return Request(
        method=method,
        path=canonical(path),
        headers=tuple((name, value) for name, value in headers if name not in proxies.speaking),
        scheme=origin.scheme,
        host=origin.host,
        query=query,
        client=origin.client,
        certificate=origin.certificate,
        # The handshake's own headers: `Upgrade` belongs to one connection, and proxies leave it out.
        websocket=any(name == b"sec-websocket-key" for name, _ in headers),
    )


def _said(headers: Headers, name: bytes) -> bytes:
    found = [value for key, value in headers if key == name]
    if len(found) != 1 or not found[0]:
        raise ContractError(
            "forward.contract",
            f"the proxy does not send {name.decode()} exactly once",
            hint="docs/gateway-forward.md has each proxy's configuration",
        )
    return found[0]


CONTRACTS: dict[str, Contract] = {"/nginx": nginx, "/traefik": traefik, "/envoy": envoy}
"""By the first segment of the path that the proxy asks at."""
