"""Signatures of webhooks by the Standard Webhooks specification 1.0.0, symmetric (`v1`): made, and verified.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final

from guarita.detection.alerts.errors import AlertsError, AlertsUsageError
from guarita.errors import ExitStatus

PREFIX: Final = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes that a secret has."""
TOLERANCE: Final = 300
"""Seconds that the sender's clock may be off, or a message may have been on its way."""


class SignatureError(AlertsError):
    """A webhook is not what the sender signed."""

    exit_status = ExitStatus.REFUSED


def key(secret: str) -> bytes:
    """The key in `whsec_…`. Raises AlertsUsageError `alerts.webhook-secret`, which does not quote it."""
    try:
        found = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not secret.startswith(PREFIX) or not SHORTEST <= len(found) <= LONGEST:
        raise AlertsUsageError(
            "alerts.webhook-secret",
            f"not a secret of a webhook: {PREFIX} and {SHORTEST} to {LONGEST} random bytes in base64",
            hint=f'python -c "import secrets, base64; print({PREFIX!r} + base64.b64encode(secrets.token_bytes(32)).decode())"',
        )
    return found


def headers(secrets: Iterable[str], *, id_: str, timestamp: int, content: bytes) -> dict[str, str]:
    """The three headers. Several secrets give several signatures, so that a receiver can change over.

    `timestamp` is that of the attempt, in seconds.
    """
    made = [f"v1,{_signed(secret, id_, str(timestamp), content)}" for secret in secrets]
    return {"webhook-id": id_, "webhook-timestamp": str(timestamp), "webhook-signature": " ".join(made)}


def verify(given: Mapping[str, str], content: bytes, secrets: Iterable[str], *, now: float) -> str:
    """Verify a webhook's headers against the bytes of its body as they came; gives its id.

    `given` has names in lower case, `now` is in seconds. Remember the id for a while: the same one again is
    the same message again. Raises SignatureError.
    """
    try:
        id_, stamp, signatures = (given[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
    except KeyError as error:
        raise SignatureError("alerts.webhook-unsigned", f"no header {error.args[0]}") from None
    if not (stamp.isascii() and stamp.isdecimal()) or abs(now - int(stamp)) > TOLERANCE:
        raise SignatureError("alerts.webhook-old", f"not of the last {TOLERANCE} seconds")
    expected = [f"v1,{_signed(secret, id_, stamp, content)}".encode() for secret in secrets]
    found = [one.encode() for one in signatures.split(" ")]
    if not any(hmac.compare_digest(ours, theirs) for ours in expected for theirs in found):
        raise SignatureError("alerts.webhook-signature", "no signature is by a known secret")
    return id_


def _signed(secret: str, id_: str, timestamp: str, content: bytes) -> str:
    signed = b".".join((id_.encode(), timestamp.encode(), content))
    return base64.b64encode(hmac.new(key(secret), signed, hashlib.sha256).digest()).decode()
