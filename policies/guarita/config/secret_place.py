"""Where a secret of Guarita's own is read from: a pepper, a master key. It never stands in guarita.yaml."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from guarita.config.section import Section

NonEmpty = Annotated[str, Meta(min_length=1)]


class SecretPlace(Section, frozen=True, kw_only=True):
    """One of an environment variable, a file and a field in Vault."""

    env: Annotated[NonEmpty, Meta(description="The name of an environment variable.")] | None = None
    file: (
        Annotated[NonEmpty, Meta(description="A file of mode 0600, from the folder of guarita.yaml.")] | None
    ) = None
    vault: (
        Annotated[
            str, Meta(pattern="^[^/#]+/[^#]+#[^#]+$", description="MOUNT/PATH#FIELD in a KV engine v2.")
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        if sum(place is not None for place in (self.env, self.file, self.vault)) != 1:
            raise ValueError("it is named by one of `env`, `file` and `vault`")
