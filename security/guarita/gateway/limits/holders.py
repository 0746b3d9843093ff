"""Whose quota a request uses: a principal's, an address's, or everybody's."""

from __future__ import annotations

import functools
import hashlib
import ipaddress
from typing import Literal

from guarita.gateway.interface import Principal

EVERYBODY = "everybody"


def holder(
    by: Literal["principal", "client", "everybody"], principal: Principal | None, client: str, prefix: int
) -> str:
    """A name for the holder, hashed: subjects and addresses are personal data, and stand in no shared store.

    Without a principal it is the address's; `prefix` is as in `client_network`.
    """
    if by == EVERYBODY:
        return EVERYBODY
    if by == "principal" and principal is not None and principal.subject:
        return _hashed("principal", principal.issuer, principal.subject)
    return _hashed("client", client_network(client, prefix))


@functools.lru_cache(maxsize=8192)
def client_network(client: str, prefix: int) -> str:
    """The addresses that are one client: an IPv4 address, or an IPv6 network of `prefix` bits.

    An IPv4 address that is written as an IPv6 one is that address. What is no address is one client together.
    """
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.ip_network(f"{address}/{prefix}", strict=False))
        address = address.ipv4_mapped
    return str(address)


@functools.lru_cache(maxsize=8192)
def _hashed(*parts: str) -> str:
    whole = hashlib.blake2b(digest_size=16, person=b"guarita limit")
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        whole.update(len(raw).to_bytes(4) + raw)
    return whole.hexdigest()
