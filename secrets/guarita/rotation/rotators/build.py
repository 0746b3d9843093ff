"""From a section of guarita.yaml to its rotator; what a kind needs is imported when one is built."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Final

from guarita.config.rotation_secrets import SecretSection
from guarita.rotation.interface import Rotator
from guarita.rotation.parts import Parts

MODULES: Final[Mapping[str, str]] = {
    "approle": "guarita.rotation.rotators.approle",
    "jwt": "guarita.rotation.rotators.jwt",
    "kv": "guarita.rotation.rotators.kv",
    "pki": "guarita.rotation.rotators.pki",
    "postgres": "guarita.rotation.rotators.postgres",
    "redis": "guarita.rotation.rotators.redis",
    "transit": "guarita.rotation.rotators.transit",
}
"""By `type`: the module whose `build(name, section, parts)` gives the rotator."""


def build(name: str, section: SecretSection, parts: Parts) -> Rotator:
    """The rotator of a secret. Asks nobody yet."""
    module = importlib.import_module(MODULES[kind_of(section)])
    rotator: Rotator = module.build(name, section, parts)
    return rotator


def kind_of(section: SecretSection) -> str:
    """The `type` that stands in guarita.yaml."""
    return str(section.__struct_config__.tag)
