"""The age of the configured sealing key, for `guarita rotate plan` and `status`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from guarita.config.rotation_sealing import SealingSection
from guarita.rotation.errors import TransientError
from guarita.rotation.sealed.ages import SealingKeyAge, from_certificates

_MAX: Final = 65_536


def sealing_ages(section: SealingSection | None, folder: Path, now: float) -> Sequence[SealingKeyAge]:
    """The ages of the keys in the configured certificate; none where none is configured.

    `now` is in seconds since the epoch. Raises TransientError `sealed.unreachable`, and as `from_certificates`.
    """
    if section is None:
        return ()
    at = dt.datetime.fromtimestamp(now, dt.UTC)
    if section.certificate is not None:
        try:
            pem = (folder / section.certificate).read_bytes()
        except OSError as error:
            raise TransientError("sealed.unreachable", f"{section.certificate}: {error.strerror}") from None
        return from_certificates({section.certificate: pem}, at)
    url = str(section.url)
    return from_certificates({url: _fetched(url, section.timeout_seconds)}, at)


def document(age: SealingKeyAge) -> Mapping[str, Any]:
    """An age for machines."""
    return {
        "name": age.name,
        "fingerprint": age.fingerprint,
        "created": age.created.timestamp(),
        "expires": age.expires.timestamp(),
        "age_seconds": age.age.total_seconds(),
        "overdue": age.overdue,
    }


def line(age: SealingKeyAge) -> str:
    """An age for a person."""
    late = ": new values should be sealed by a younger key" if age.overdue else ""
    return f"sealing key of {age.name}: {age.age.total_seconds() / 86_400:.1f} d{late}"


def _fetched(url: str, timeout: float) -> bytes:
    from guarita.rotation.fetch import fetch  # noqa: PLC0415  # an extra's, and only where an address is configured

    status, pem = fetch(url, code="sealed.unreachable", timeout=timeout, limit=_MAX)
    if status != HTTPStatus.OK:
        raise TransientError("sealed.unreachable", f"{url}: answered {status}")
    return pem
