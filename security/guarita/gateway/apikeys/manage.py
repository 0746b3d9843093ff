"""Making, rotating and revoking keys: what the commands do, for programs too."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from guarita.gateway.apikeys import form
from guarita.gateway.apikeys.form import ApiKey
from guarita.gateway.apikeys.hashing import Peppers
from guarita.gateway.apikeys.interface import KeyRecord, KeyStore, must_be_active


def create(
    store: KeyStore,
    peppers: Peppers,
    *,
    name: str,
    subject: str,
    environment: str,
    created: float,
    expires: float,
    scopes: Iterable[str] = (),
    roles: Iterable[str] = (),
) -> tuple[ApiKey, KeyRecord]:
    """Make a key. It is shown by nobody again. Times are in seconds since the epoch. Raises as `KeyStore.add`."""
    key = form.generate(environment)
    record = KeyRecord(
        key_id=key.key_id,
        name=name,
        subject=subject,
        environment=environment,
        digest=peppers.newest.digest(key.text),
        pepper=peppers.newest.name,
        created=created,
        expires=expires,
        scopes=frozenset(scopes),
        roles=frozenset(roles),
    )
    store.add(record)
    return key, record


def rotate(
    store: KeyStore, peppers: Peppers, key_id: str, *, now: float, expires: float, overlap: float
) -> tuple[ApiKey, KeyRecord]:
    """Make a successor with the same rights; the old key lives for `overlap` seconds more.

    Raises as `KeyStore.replace`.
    """
    old = must_be_active(store.get(key_id), key_id, now)
    key = form.generate(old.environment)
    record = dataclasses.replace(
        old,
        key_id=key.key_id,
        digest=peppers.newest.digest(key.text),
        pepper=peppers.newest.name,
        created=now,
        expires=expires,
        last_used=None,
    )
    store.replace(key_id, record, old_expires=now + overlap, now=now)
    return key, record
