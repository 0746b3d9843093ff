"""Settings of the API: plain ones from the environment, secrets from mounted files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """What the API needs to start. Secrets stay out of `repr`, so they stay out of logs."""

    search_url: str
    search_index: str
    broker_url: str = field(repr=False)
    database_url: str = field(repr=False)
    key_pepper: bytes = field(repr=False)
    search_timeout: float = 2.0
    """Seconds."""


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings; `ACERVO_SECRETS` names the folder where the secret volume is mounted."""
    secrets = Path(environ["ACERVO_SECRETS"])
    return Settings(
        search_url=environ["ACERVO_SEARCH_URL"],
        search_index=environ.get("ACERVO_SEARCH_INDEX", "documents"),
        broker_url=_secret(secrets, "broker-url"),
        database_url=_secret(secrets, "database-url"),
        key_pepper=_secret(secrets, "key-pepper").encode(),
        search_timeout=float(environ.get("ACERVO_SEARCH_TIMEOUT", "2")),
    )


def _secret(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8").strip()
