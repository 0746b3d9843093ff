"""`gateway.api_keys` in guarita.yaml: where API keys are kept, and which are accepted."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from guarita.config.secret_place import NonEmpty, SecretPlace
from guarita.config.section import Section

Environment = Annotated[
    str,
    Meta(pattern=r"^[a-z][a-z0-9]{1,11}$", description="What stands in a key after `grt_`: `live`, `test`."),
]


class ApiKeysSection(Section, frozen=True, kw_only=True):
    """API keys: `grt_ENVIRONMENT_ID_SECRET`, kept as keyed hashes."""

    store: Annotated[
        NonEmpty,
        Meta(description="sqlite:///PATH from the folder of guarita.yaml, postgresql://…, vault:MOUNT/PATH."),
    ]
    pepper: SecretPlace
    environments: Annotated[
        list[Environment],
        Meta(min_length=1, description="Keys of others are refused; the first is for new ones."),
    ] = msgspec.field(default_factory=lambda: ["live"])
    header: Annotated[
        str, Meta(pattern="^[A-Za-z0-9-]{1,64}$", description="Beside `Authorization: ApiKey …`.")
    ] = "X-API-Key"
    cache_seconds: Annotated[
        float, Meta(ge=0, le=3600, description="After this a revoked key is refused by every process.")
    ] = 30.0
    timeout_seconds: Annotated[
        float,
        Meta(gt=0, le=30, description="What a request may wait for the store; then it is answered 503."),
    ] = 2.0
    max_days: Annotated[int, Meta(ge=1, le=3650, description="The longest life of a key.")] = 366
    default_days: Annotated[int, Meta(ge=1, le=3650, description="The life of a key unless said.")] = 90

    def __post_init__(self) -> None:
        if "://" in self.store and urlsplit(self.store).password is not None:
            raise ValueError("a password does not stand in guarita.yaml: PGPASSWORD or PGPASSFILE name it")
        if self.default_days > self.max_days:
            raise ValueError("`default_days` is more than `max_days`")
