"""From an event to the exact bytes that are hashed and stored."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

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

    def draft(self, event: Event, idempotency_key: str | None, *, own: bool = False) -> Draft:
        """The event's bytes, with the key (if there is one) as `metadata.uid`. `own` ones are the ledger's.

        Raises EventRefusedError: `audit.secret`, `audit.event-too-large`, `audit.event`, `audit.key`;
        LedgerUnavailableError when a subject's key cannot be had.
        """
        return self._sealed(self._encoded(event, idempotency_key, own=own))

    async def adraft(self, event: Event, idempotency_key: str | None) -> Draft:
        """As `draft`. Subjects' keys, which may have to be made or asked for, do not hold the event loop."""
        encoded = self._encoded(event, idempotency_key, own=False)
        import asyncio  # noqa: PLC0415  # commands append without a loop, and do not wait for its import

        return await asyncio.to_thread(self._sealed, encoded) if encoded.personal else self._sealed(encoded)

    def _encoded(self, event: Event, idempotency_key: str | None, *, own: bool) -> _Encoded:
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
        personal: list[Personal] = []

        def hook(value: Any) -> str:
            if isinstance(value, Personal) and self._sealer is not None:
                personal.append(value)
                return token.placeholder(self._mark, len(personal) - 1)
            raise refused(value)

        with _refusing(event.class_uid):
            body = msgspec.json.encode(event, enc_hook=hook)
        return _Encoded(body, personal, None if uid is msgspec.UNSET else uid, event.class_uid)

    def _sealed(self, encoded: _Encoded) -> Draft:
        body, personal, uid, class_uid = encoded
        if personal and self._sealer is not None:
            with _refusing(class_uid):
                body = self._sealer.seal(body, self._mark, personal)
        if len(body) > MAX_EVENT:
            raise EventRefusedError(
                "audit.event-too-large",
                f"an event of class {class_uid} has {len(body)} bytes, more than {MAX_EVENT}",
                hint="record digests and counts, and keep the rest elsewhere",
            )
        return Draft(body, uid)


class _Encoded(NamedTuple):
    """An event's bytes with placeholders, and what they stand for."""

    body: bytes
    personal: list[Personal]
    uid: str | None
    class_uid: int


@contextlib.contextmanager
def _refusing(class_uid: int) -> Iterator[None]:
    try:
        yield
    except (TypeError, ValueError, RecursionError) as error:
        # Their texts name types, and UnicodeEncodeError's would quote the value.
        raise EventRefusedError(
            "audit.event", f"an event of class {class_uid} cannot be encoded ({type(error).__name__})"
        ) from None


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
