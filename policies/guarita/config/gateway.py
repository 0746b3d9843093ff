"""The section `gateway` of guarita.yaml; each of its parts stands in a file of its own."""

from __future__ import annotations

from guarita.config.gateway_access import AccessSection
from guarita.config.gateway_keys import ApiKeysSection
from guarita.config.gateway_limits import LimitsSection, RedisSection, RevocationSection
from guarita.config.gateway_tokens import TokensSection
from guarita.config.section import Section


class GatewaySection(Section, frozen=True, kw_only=True):
    """The gateway: who may call what."""

    access: AccessSection = AccessSection()
    api_keys: ApiKeysSection | None = None
    tokens: TokensSection = TokensSection()
    redis: RedisSection | None = None
    limits: LimitsSection | None = None
    revocation: RevocationSection | None = None
