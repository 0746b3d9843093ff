"""From an event to the exact bytes that are hashed and stored."""

from __future__ import annotations

import os
from typing import Any, Final

import msgspec

from guarita.audit.errors import EventRefusedError
from guarita.audit.events.classes import Event
from guarita.audit.events.secret import Personal, refused
from guarita.audit.sealing import token
from guarita.audit.sealing.fields import Sealer
from guarita.audit.sealing.interface import ID_SIZE
from guarita.audit.stores.interface import RESERVED, Draft

MAX_EVENT: Final = 65_535
"""Bytes of one event: an entry bundle of C2SP tlog-tiles holds no longer one."""
MAX_UID: Final = 256
"""Characters of an idempotency key."""


class Encoder:
    """Encodes events. A `Secret` is refused, `Personal` is sealed, or refused where there is no sealer."""

    def __init__(self, sealer: Sealer | None = None) -> None:
        self._sealer = sealer
        # Nobody else's text can pass for a placeholder.
        self._mark = os.urandom(ID_SIZE)

    def _encode(self, event: Event) -> bytes:
        personal: list[Personal] = []

        def hook(value: Any) -> str:
            if isinstance(value, Personal) and self._sealer is not None:
                personal.append(value)
                return token.placeholder(self._mark, len(personal) - 1)
            raise refused(value)

        body = msgspec.json.encode(event, enc_hook=hook)
        return self._sealer.seal(body, self._mark, personal) if self._sealer and personal else body

    def draft(self, event: Event, idempotency_key: str | None, *, own: bool = False) -> Draft:
        """The event's bytes, with the key (if there is one) as `metadata.uid`. `own` ones are the ledger's.

        Raises EventRefusedError: `audit.secret`, `audit.event-too-large`, `audit.event`, `audit.key`;
        LedgerUnavailableError when a subject's key cannot be had.
        """
        if idempotency_key is not None:
            metadata = msgspec.structs.replace(event.metadata, uid=idempotency_key)
            event = msgspec.structs.replace(event, metadata=metadata)
        uid = event.metadata.uid
        if uid is not msgspec.UNSET and not (isinstance(uid, str) and 0 < len(uid) <= MAX_UID):
            raise EventRefusedError("audit.key", f"an idempotency key is text of 1 to {MAX_UID} characters")
        if uid is not msgspec.UNSET and uid.startswith(RESERVED) and not own:
            raise EventRefusedError(
                "audit.key", f"idempotency keys that begin with {RESERVED} are the ledger's own"
            )
        try:
            body = self._encode(event)
        except (TypeError, ValueError, RecursionError) as error:
            # Their texts name types, and UnicodeEncodeError's would quote the value.
            raise EventRefusedError(
                "audit.event",
                f"an event of class {event.class_uid} cannot be encoded ({type(error).__name__})",
            ) from None
        if len(body) > MAX_EVENT:
            raise EventRefusedError(
                "audit.event-too-large",
                f"an event of class {event.class_uid} has {len(body)} bytes, more than {MAX_EVENT}",
                hint="record digests and counts, and keep the rest elsewhere",
            )
        return Draft(body, None if uid is msgspec.UNSET else uid)


class _Metadata(msgspec.Struct):
    uid: str | None = None


class _Identified(msgspec.Struct):
    metadata: _Metadata | None = None


_decoder = msgspec.json.Decoder(_Identified)


def uid_of(body: bytes) -> str | None:
    """The idempotency key that stands in the stored bytes."""
    try:
        event = _decoder.decode(body)
    except msgspec.DecodeError:
        return None
    return event.metadata.uid if event.metadata else None
