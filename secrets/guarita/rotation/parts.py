"""What rotators stand on: Vault, the places of credentials that they need themselves, randomness."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from guarita.config.rotation_base import PlaceSource
from guarita.rotation.errors import RotationConfigError
from guarita.rotation.interface import Randomness
from guarita.rotation.kube.api import Api
from guarita.rotation.vault import Kv, Vault
from guarita.rotation.vault.login import read_source


@dataclass(frozen=True)
class Parts:
    """Handed to each rotator when it is built; building one asks nobody."""

    vault: Vault
    folder: Path
    """Of guarita.yaml: relative files are from there."""
    randomness: Randomness = field(default=secrets.token_bytes)
    api_of: Callable[[str], Api] | None = None
    """The API of a cluster, by its name in guarita.yaml: for what rotators keep there themselves."""

    @property
    def kv(self) -> Kv:
        """The KV engine of that Vault."""
        return Kv(self.vault)

    def api(self, cluster: str) -> Api:
        """The API of a cluster. Raises RotationConfigError where this runner is at none."""
        if self.api_of is None:
            raise RotationConfigError(
                "rotation.no-cluster", f"cluster {cluster}: nothing connects to it here"
            )
        return self.api_of(cluster)

    def secret(self, source: PlaceSource) -> str:
        """A secret that rotation itself needs, read now. Raises TransientError, RotationConfigError."""
        if source.vault is None:
            return read_source(source.env, source.file, self.folder)
        place, _, name = source.vault.rpartition("#")
        entry = self.kv.get(place)
        value = None if entry is None or entry.data is None else entry.data.get(name)
        if not isinstance(value, str) or not value:
            raise RotationConfigError(
                "rotation.no-credential", f"vault {place}: has no field {name!r} with a text"
            )
        return value
