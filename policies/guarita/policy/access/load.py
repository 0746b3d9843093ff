"""The access policy of a guarita.yaml."""

from __future__ import annotations

from pathlib import Path

from guarita import config
from guarita.policy.access.compile import compiled
from guarita.policy.access.policy import AccessPolicy


def load(path: Path, *, version: int = 1) -> AccessPolicy:
    """Read and compile the section `gateway.access` of a configuration file.

    Raises UsageError, as `guarita.config.load` and `compiled`.
    """
    return parse(config.read(path), str(path), version=version)


def parse(text: bytes, source: str, *, version: int = 1) -> AccessPolicy:
    """As `load`, from the bytes of a file that is called `source`."""
    whole, document = config.parse_placed(text, source)
    return compiled(whole.gateway.access, document, version=version)
