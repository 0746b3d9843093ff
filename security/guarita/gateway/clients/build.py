"""From `gateway.clients` in guarita.yaml to clients."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from guarita import config
from guarita.config.gateway_clients import ServiceSection
from guarita.gateway.clients.cache import TokenCache
from guarita.gateway.clients.clients import ServiceClient
from guarita.gateway.oauth.clientauth import client_of
from guarita.gateway.oauth.discovery import Discovery
from guarita.gateway.oauth.prover import Prover
from guarita.gateway.oauth.secret import reader
from guarita.gateway.oauth.tokenendpoint import TokenEndpoint
from guarita.gateway.outbound import Outbound


def built(path: Path) -> dict[str, ServiceClient]:
    """The clients of this file. Raises UsageError, with the place of what is wrong."""
    section = config.load(path).gateway
    folder = path.absolute().parent
    return {name: service_client(name, said, folder) for name, said in section.clients.items()}


def service_client(
    name: str, section: ServiceSection, folder: Path, *, now: Callable[[], float] = time.time
) -> ServiceClient:
    """Build what the section says; relative paths go from `folder`. Asks nobody yet.

    Raises UsageError `gateway.secret`, `gateway.endpoint`, `gateway.issuer`.
    """
    ca_file = None if section.ca_file is None else str(folder / section.ca_file)
    outbound = Outbound(timeout=section.timeout, insecure_loopback=section.insecure_loopback, ca_file=ca_file)
    discovery = Discovery(section.issuer, outbound)
    prover = None
    if section.dpop:
        key = "" if section.dpop_key is None else reader(section.dpop_key, folder, lines=True)()
        prover = Prover(key, now=now)
    endpoint = TokenEndpoint(
        section.issuer,
        section.token_endpoint or (lambda: discovery.endpoint("token_endpoint")),
        client_of(section.client, section.issuer, folder),
        outbound,
        prover=prover,
        now=now,
    )
    cache = TokenCache(
        name,
        endpoint,
        renew_before=section.renew_before,
        # Discovery asks twice at most, and a nonce makes one grant two requests.
        patience=4 * section.timeout + 1,
        size=section.max_subjects,
        now=now,
    )
    asking: dict[str, str | list[str]] = {}
    if section.scopes:
        asking["scope"] = " ".join(section.scopes)
    if section.audience is not None:
        asking["audience"] = section.audience
    if section.resource:
        asking["resource"] = section.resource
    return ServiceClient(
        name,
        cache,
        targets=section.targets,
        asking=asking,
        prover=prover,
        exchange_seconds=section.exchange_seconds,
    )
