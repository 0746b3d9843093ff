"""From an ASGI scope to a request with one meaning."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from guarita.gateway.asgi.types import Scope
from guarita.gateway.interface import Headers, RepeatedHeaderError, Request
from guarita.gateway.paths import PathError, canonical
from guarita.gateway.proxies import FORWARDED, OVERRIDES, Proxies
from guarita.gateway.refusal import RefusalError

CREDENTIALS = frozenset({b"authorization", b"x-api-key", b"dpop", b"proxy-authorization"})
"""Headers that carry a credential, or prove one."""
DECISIVE = CREDENTIALS | FORWARDED | OVERRIDES
"""Headers on which a decision depends."""
NAMING = (
    b"x-guarita-subject", b"x-guarita-issuer", b"x-guarita-client", b"x-guarita-scopes", b"x-guarita-roles",
)  # fmt: skip
"""Headers by which forward-auth tells what stands behind who calls."""


def _lookalikes(name: bytes) -> Iterator[bytes]:
    first, *others = name.split(b"-")
    for signs in itertools.product((b"-", b"_"), repeat=len(others)):
        made = first + b"".join(sign + part for sign, part in zip(signs, others, strict=True))
        if made != name:
            yield made


LOOKALIKES = frozenset(made for name in (*DECISIVE, *NAMING) for made in _lookalikes(name))
"""What a gateway interface or an old proxy makes the same header of (`X_API_Key`, `X_Forwarded-For`)."""
WATCHED = DECISIVE | LOOKALIKES
METHOD_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ-")
"""What a method is made of; methods are case-sensitive (RFC 9110 section 9.1), and `get` is none."""


class HeaderError(RefusalError):
    """A header says something that nobody may say, or that two readers read differently."""

    status = 400
    error = "invalid_request"


def request_of(scope: Scope, proxies: Proxies) -> Request:
    """The request that a scope means.

    Raises RefusalError: `request.path`, `request.method`, `request.override`, `request.underscore-header`,
    `request.repeated-header`, and as `Proxies.origin`.
    """
    headers = tuple(scope["headers"])
    judge_headers(headers)
    method = scope.get("method", "GET")
    if not method or not METHOD_SAFE.issuperset(method):
        raise HeaderError("request.method", "the method is none of HTTP's")
    path = _path(scope)
    peer = peer_of(scope)
    host = next((value.decode("latin-1") for name, value in headers if name == b"host"), "")
    origin = proxies.origin(headers, peer=peer, scheme=scope.get("scheme", "http"), host=host)
    tls = (scope.get("extensions") or {}).get("tls")
    return Request(
        method=method,
        path=path,
        headers=headers,
        # A WebSocket's handshake is a request of HTTP (RFC 6455 section 1.3), and a proof of it (RFC 9449) says so.
        scheme={"ws": "http", "wss": "https"}.get(origin.scheme, origin.scheme),
        host=origin.host,
        query=scope.get("query_string", b""),
        client=origin.client,
        # The certificate of a proxy's connection is the proxy's own, and not the client's.
        certificate=origin.certificate if tls is None or proxies.trusts(peer) else _presented(tls),
        websocket=scope["type"] == "websocket",
    )


def _presented(tls: Mapping[str, Any]) -> str:
    """`x5t#S256` of the client's certificate by the server's own TLS (ASGI TLS Extension 0.2), where it verified one."""
    chain = tuple(tls.get("client_cert_chain") or ())
    if not chain or tls.get("client_cert_error") is not None:
        return ""
    from guarita.gateway.oauth.certificates import of_pem  # noqa: PLC0415  # heavy, and only where a client has one

    return of_pem(chain[0])


def peer_of(scope: Scope) -> str:
    """The address of whoever is connected; empty where there is none."""
    return (scope.get("client") or ("", 0))[0] or ""


def judge_headers(headers: Headers) -> None:
    """Refuse headers that two readers could read differently. Raises RefusalError as `request_of`."""
    seen = set()
    for name, _ in headers:
        if name in OVERRIDES:
            raise HeaderError(
                "request.override", f"the header {name.decode()} asks for another request than this"
            )
        if name in LOOKALIKES:
            raise HeaderError("request.underscore-header", "a header looks like another by its underscore")
        if name in CREDENTIALS or name == b"host":
            if name in seen:
                raise RepeatedHeaderError(name.decode())
            seen.add(name)


def _path(scope: Scope) -> str:
    raw = scope.get("raw_path")
    if raw is None:
        raw = quote(scope["path"], safe="/!$&'()*+,=:@~").encode()
    path = canonical(raw)
    if path != scope["path"]:
        # What stands behind reads `path`: it must be what was judged.
        raise PathError("request.path", "the server and the gateway read the path differently")
    return path
