"""From `gateway.login` in guarita.yaml to an authenticator and endpoints."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from guarita.config.gateway_access import steps
from guarita.config.gateway_limits import RedisSection
from guarita.config.gateway_login import LoginSection, SessionSection
from guarita.errors import MissingExtraError, UsageError
from guarita.gateway.core import Gateway
from guarita.gateway.keys.source import KeySource
from guarita.gateway.login.authenticator import SessionAuthenticator
from guarita.gateway.login.endpoints import LoginEndpoints
from guarita.gateway.login.interface import SessionStore
from guarita.gateway.login.memory import MemorySessionStore
from guarita.gateway.login.provider import Provider
from guarita.gateway.login.sealing import Sealer
from guarita.gateway.login.sessions import Lasting, Sessions
from guarita.gateway.oauth.build import key_bounds
from guarita.gateway.oauth.clientauth import client_of
from guarita.gateway.oauth.discovery import Discovery
from guarita.gateway.oauth.secret import reader
from guarita.gateway.outbound import Outbound


@dataclass(frozen=True, slots=True)
class LoginParts:
    """What a login is made of, before there is a gateway for it."""

    section: LoginSection
    authenticator: SessionAuthenticator
    sessions: Sessions
    provider: Provider
    sealer: Sealer
    source: KeySource
    now: Callable[[], float]

    def endpoints(self, gateway: Gateway) -> LoginEndpoints:
        """The endpoints, for the gateway that they stand before."""
        return LoginEndpoints(
            gateway,
            self.authenticator,
            self.sessions,
            self.provider,
            self.sealer,
            url=self.section.url,
            path=self.section.path,
            after_logout=self.section.after_logout,
            origins=_origins(self.section),
            now=self.now,
        )


def login_parts(
    section: LoginSection, redis: RedisSection | None, folder: Path, *, now: Callable[[], float] = time.time
) -> LoginParts:
    """Build what the section says; relative paths go from `folder`. Asks nobody yet.

    Raises UsageError `session.redis`, `gateway.secret`, `gateway.endpoint`, `gateway.issuer`, and for a missing extra.
    """
    try:
        import authlib  # noqa: F401, PLC0415  # that it is missing is told at the start, and not by the first login
    except ModuleNotFoundError as error:
        raise MissingExtraError("gateway", error.name or "authlib") from error
    ca_file = None if section.ca_file is None else str(folder / section.ca_file)
    outbound = Outbound(timeout=section.timeout, insecure_loopback=section.insecure_loopback, ca_file=ca_file)
    discovery = Discovery(section.issuer, outbound)
    source = KeySource(
        section.issuer,
        discovery.jwks_uri,
        outbound,
        algorithms=section.algorithms,
        bounds=key_bounds(section.keys),
        now=now,
    )
    client = client_of(section.client, section.issuer, folder)
    provider = Provider(section, client, outbound, discovery, source, now=now)
    sealer = _sealer(section.session, folder)
    sessions = Sessions(
        _store(section.session, redis, folder, now),
        sealer,
        provider,
        lasting=Lasting(section.session.lifetime_seconds, section.session.outage_seconds),
        # Discovery asks twice at most, then come tokens and keys, and what is kept is tried three times.
        patience=4 * section.timeout + 5,
        wait=section.timeout + 1,
        now=now,
    )
    authenticator = SessionAuthenticator(
        sessions,
        origins=_origins(section),
        role_claim=() if section.roles is None else tuple(steps(section.roles)),
    )
    return LoginParts(section, authenticator, sessions, provider, sealer, source, now)


def _origins(section: LoginSection) -> frozenset[str]:
    return frozenset({section.url, *section.session.origins})


def _sealer(section: SessionSection, folder: Path) -> Sealer:
    keys = [reader(source, folder)().encode() for source in section.keys]
    try:
        return Sealer(keys or [secrets.token_bytes(32)])
    except ValueError as error:
        raise UsageError("gateway.secret", f"gateway.login.session.keys: {error}") from error


def _store(
    section: SessionSection, redis: RedisSection | None, folder: Path, now: Callable[[], float]
) -> SessionStore:
    if section.store == "memory":
        return MemorySessionStore(idle=section.idle_seconds, size=section.max_sessions)
    if redis is None:
        raise UsageError(
            "session.redis", "gateway.login.session: there is no gateway.redis in which to keep sessions"
        )
    from guarita.gateway.login.redisstore import RedisSessionStore  # noqa: PLC0415  # only where it is used

    return RedisSessionStore(
        redis, folder, idle=section.idle_seconds, timeout=section.timeout_seconds, now=now
    )
