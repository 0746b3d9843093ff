"""`rotation.sealing` in guarita.yaml: where the certificate stands that Secrets are sealed by."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from guarita.config.rotation_base import NonEmpty, Timeout
from guarita.config.section import Section


class SealingSection(Section, frozen=True, kw_only=True):
    """The Sealed Secrets controller's certificate, whose age `plan` and `status` show."""

    certificate: Annotated[NonEmpty, Meta(description="A file, from the folder of guarita.yaml.")] | None = (
        None
    )
    url: (
        Annotated[
            str, Meta(pattern="^https?://", description="The controller's /v1/cert.pem, which is public.")
        ]
        | None
    ) = None
    timeout_seconds: Timeout = 10.0

    def __post_init__(self) -> None:
        if (self.certificate is None) == (self.url is None):
            raise ValueError("the certificate is named by `certificate` or by `url`")
