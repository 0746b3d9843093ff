"""How old the sealing keys are: what `guarita rotate plan` and `status` show. Reads no private key."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from guarita.rotation.sealed.keys import KEY_LABEL, SealingCertificate, parse_certificate
from guarita.rotation.sealed.manifest import decoded

MAX_AGE: Final = dt.timedelta(days=30)
"""The controller makes a new key in this time unless told otherwise (`--key-renew-period`)."""


@dataclass(frozen=True)
class SealingKeyAge:
    """One sealing key at a moment."""

    name: str
    """The Secret's, or the file's."""
    fingerprint: str
    created: dt.datetime
    expires: dt.datetime
    age: dt.timedelta
    active: bool
    newest: bool
    """Whether it is what new values are sealed by."""

    @property
    def overdue(self) -> bool:
        """Whether values are still sealed by it although a younger key was due."""
        return self.newest and self.age > MAX_AGE


def from_secrets(secrets: Iterable[Mapping[str, Any]], now: dt.datetime) -> tuple[SealingKeyAge, ...]:
    """The controller's keys, newest first, from its Secrets as the cluster's API gives them.

    Only `tls.crt` is looked at. Raises SealedInputError for one whose certificate cannot be read.
    """
    found = []
    for secret in secrets:
        metadata = secret.get("metadata") or {}
        name = str(metadata.get("name", ""))
        state = (metadata.get("labels") or {}).get(KEY_LABEL, "active")
        pem = decoded((secret.get("data") or {}).get("tls.crt", ""), name)
        found.append((name, parse_certificate(pem, name), state == "active"))
    return _aged(found, now)


def from_certificates(pems: Mapping[str, bytes], now: dt.datetime) -> tuple[SealingKeyAge, ...]:
    """The same from certificates by their name: those of files, or of the controller's /v1/cert.pem."""
    return _aged([(name, parse_certificate(pem, name), True) for name, pem in pems.items()], now)


def _aged(found: list[tuple[str, SealingCertificate, bool]], now: dt.datetime) -> tuple[SealingKeyAge, ...]:
    ordered = sorted(found, key=lambda item: item[1].not_before, reverse=True)
    newest = next((item for item in ordered if item[2]), None)
    return tuple(
        SealingKeyAge(
            name=name,
            fingerprint=certificate.fingerprint,
            created=certificate.not_before,
            expires=certificate.not_after,
            age=now - certificate.not_before,
            active=active,
            newest=newest is not None and certificate is newest[1],
        )
        for name, certificate, active in ordered
    )
