"""From `gateway.tokens` in guarita.yaml to authenticators."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guarita.config.gateway_access import steps
from guarita.config.gateway_limits import RedisSection
from guarita.config.gateway_tokens import (
    DpopSection,
    IntrospectionSection,
    IssuerSection,
    KeysSection,
    TokensSection,
)
from guarita.errors import UsageError
from guarita.gateway.interface import Authenticator
from guarita.gateway.keys.source import KeyBounds, KeySource
from guarita.gateway.keys.store import KeySetFile
from guarita.gateway.oauth.binding import Binding
from guarita.gateway.oauth.challenges import Challenger
from guarita.gateway.oauth.clientauth import Client
from guarita.gateway.oauth.discovery import Discovery
from guarita.gateway.oauth.dpop import ProofBounds, ProofVerifier
from guarita.gateway.oauth.introspection import IntrospectionAuthenticator, IntrospectionBounds
from guarita.gateway.oauth.nonces import Nonces
from guarita.gateway.oauth.replay import MemoryReplayStore, RedisReplayStore, ReplayStore
from guarita.gateway.oauth.resource import ProtectedResource
from guarita.gateway.oauth.secret import reader
from guarita.gateway.outbound import Outbound
from guarita.gateway.tokens.authenticator import JwtAuthenticator
from guarita.gateway.tokens.claims import Expectation
from guarita.gateway.tokens.verifier import Trust, Verifier


@dataclass(frozen=True, slots=True)
class TokenParts:
    """What reads access tokens, and what belongs to it."""

    authenticators: tuple[Authenticator, ...]
    sources: tuple[KeySource, ...]
    """To be warmed at start-up, and watched for keys that are withdrawn."""
    resource: ProtectedResource | None
    challenger: Challenger
    replay: ReplayStore | None
    """Where used DPoP proofs are remembered, to be closed at the end."""


def token_parts(
    section: TokensSection,
    folder: Path,
    *,
    realm: str = "guarita",
    opaque_elsewhere: bool = False,
    redis: RedisSection | None = None,
    now: Callable[[], float] = time.time,
) -> TokenParts:
    """Build what the section says; relative paths go from `folder`. Asks nobody yet.

    With `opaque_elsewhere` some other authenticator knows tokens that are no JWT (API keys). Raises UsageError
    `gateway.endpoint`, `gateway.issuer`, `gateway.secret`, `dpop.redis`, and for Redis' extra.
    """
    ca_file = None if section.ca_file is None else str(folder / section.ca_file)
    outbound = Outbound(timeout=section.timeout, insecure_loopback=section.insecure_loopback, ca_file=ca_file)
    replay = None if section.dpop is None else _replay(section.dpop, redis, folder)
    proofs = None if section.dpop is None else _proofs(section.dpop, folder, replay, now)
    binding = Binding(proofs, required=section.require_bound)
    resource = _resource(section)
    challenger = Challenger(
        realm=realm,
        dpop_algorithms=proofs.algorithms if proofs else (),
        resource_metadata=resource.url if resource else "",
    )
    sources = {issuer.issuer: _source(issuer, section, folder, outbound, now) for issuer in section.issuers}
    made: list[Authenticator] = []
    if section.issuers:
        made.append(
            JwtAuthenticator(
                Verifier(_trust(issuer) for issuer in section.issuers),
                sources,
                binding=binding,
                challenger=challenger,
                role_claims={i.issuer: tuple(steps(i.roles)) for i in section.issuers if i.roles is not None},
                opaque_elsewhere=opaque_elsewhere or section.introspection is not None,
                now=now,
            )
        )
    if section.introspection is not None:
        secret = reader(section.introspection.client_secret, folder)
        secret()  # one that is not there is told at the start
        client = Client(section.introspection.client_id, secret, section.introspection.client_auth)
        made.append(
            IntrospectionAuthenticator(
                section.introspection.issuer,
                section.introspection.endpoint
                or Discovery(section.introspection.issuer, outbound).introspection_endpoint,
                client,
                outbound,
                takes_jwt=not section.issuers,
                binding=binding,
                challenger=challenger,
                now=now,
                **_asking(section.introspection),
            )
        )
    return TokenParts(tuple(made), tuple(sources.values()), resource, challenger, replay)


def _trust(issuer: IssuerSection) -> Trust:
    return Trust(
        Expectation(
            issuer=issuer.issuer,
            audiences=frozenset(issuer.audiences),
            leeway=issuer.leeway,
            max_lifetime=issuer.max_lifetime,
            profile=issuer.profile,
        ),
        frozenset(issuer.algorithms),
        frozenset(issuer.types),
    )


def key_bounds(keys: KeysSection) -> KeyBounds:
    """How fresh keys are kept, as the section says."""
    return KeyBounds(
        refresh_min=keys.refresh_min,
        refresh_max=keys.refresh_max,
        refresh=keys.refresh,
        cooldown=keys.cooldown,
        failure_cooldown=keys.failure_cooldown,
        stale=keys.stale,
    )


def _source(
    issuer: IssuerSection, section: TokensSection, folder: Path, outbound: Outbound, now: Callable[[], float]
) -> KeySource:
    file = None
    if section.keys_folder is not None:
        name = hashlib.sha256(issuer.issuer.encode()).hexdigest()[:32]
        file = KeySetFile(folder / section.keys_folder / f"{name}.json", issuer.issuer)
    return KeySource(
        issuer.issuer,
        issuer.jwks_uri or Discovery(issuer.issuer, outbound).jwks_uri,
        outbound,
        algorithms=issuer.algorithms,
        bounds=key_bounds(issuer.keys),
        file=file,
        now=now,
    )


def _asking(section: IntrospectionSection) -> dict[str, Any]:
    return {
        "audiences": section.audiences,
        "audience_required": section.require_audience,
        "type_required": section.require_token_type,
        "bounds": IntrospectionBounds(
            active=section.cache, inactive=section.cache_inactive, leeway=section.leeway
        ),
        "role_claim": () if section.roles is None else tuple(steps(section.roles)),
    }


def _replay(section: DpopSection, redis: RedisSection | None, folder: Path) -> ReplayStore:
    if section.replay_store == "memory":
        return MemoryReplayStore(size=section.replay_size)
    if redis is None:
        raise UsageError(
            "dpop.redis", "gateway.tokens.dpop: there is no gateway.redis in which to remember used proofs"
        )
    return RedisReplayStore(redis, folder, timeout=section.replay_timeout)


def _proofs(
    section: DpopSection, folder: Path, replay: ReplayStore | None, now: Callable[[], float]
) -> ProofVerifier:
    nonces = None
    if section.nonce:
        secret = None if section.nonce_secret is None else reader(section.nonce_secret, folder)().encode()
        try:
            nonces = Nonces(secret)
        except ValueError as error:
            raise UsageError("gateway.secret", f"gateway.tokens.dpop.nonce_secret: {error}") from error
    return ProofVerifier(
        algorithms=section.algorithms,
        bounds=ProofBounds(max_age=section.max_age, leeway=section.leeway),
        replay=replay,
        nonces=nonces,
        now=now,
    )


def _resource(section: TokensSection) -> ProtectedResource | None:
    said = section.resource
    if said is None:
        return None
    issuers = [issuer.issuer for issuer in section.issuers]
    if section.introspection is not None:
        issuers.append(section.introspection.issuer)
    return ProtectedResource(
        resource=said.resource,
        issuers=tuple(dict.fromkeys(issuers)),
        scopes=tuple(said.scopes),
        name=said.name or "",
        documentation=said.documentation or "",
        dpop_algorithms=tuple(section.dpop.algorithms) if section.dpop else (),
        bound_required=section.require_bound,
        certificates=True,
    )
