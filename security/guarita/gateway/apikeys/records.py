"""Records as rows and as JSON, read back with suspicion: a store may have been written by somebody else."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from guarita.gateway.apikeys.interface import KeyRecord, StoreError

COLUMNS: Final = (
    "key_id", "name", "subject", "environment", "digest", "pepper", "created", "expires", "scopes", "roles",
    "revoked", "replaced_by", "last_used",
)  # fmt: skip


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A record as it is written; `digest` is in hex."""

    key_id: str
    name: str
    subject: str
    environment: str
    digest: str
    pepper: str
    created: float
    expires: float
    scopes: list[str]
    roles: list[str]
    revoked: float | None = None
    replaced_by: str | None = None
    last_used: int | None = None


def to_mapping(record: KeyRecord) -> dict[str, Any]:
    """The record as JSON has it."""
    return {
        **{name: getattr(record, name) for name in COLUMNS},
        "digest": record.digest.hex(),
        "scopes": sorted(record.scopes),
        "roles": sorted(record.roles),
    }


def from_mapping(mapping: Any, place: str) -> KeyRecord:
    """The record. Raises StoreError for what is none."""
    try:
        kept = msgspec.convert(mapping, Kept)
        return KeyRecord(
            **{
                **msgspec.structs.asdict(kept),
                "digest": bytes.fromhex(kept.digest),
                "scopes": frozenset(kept.scopes),
                "roles": frozenset(kept.roles),
            }
        )
    except (msgspec.ValidationError, ValueError):
        raise StoreError(place, "it holds an entry that is no key") from None


def to_row(record: KeyRecord) -> tuple[Any, ...]:
    """The values of COLUMNS; lists are JSON texts."""
    mapping = to_mapping(record)
    for name in ("scopes", "roles"):
        mapping[name] = msgspec.json.encode(mapping[name]).decode()
    return tuple(mapping[name] for name in COLUMNS)


def from_row(row: tuple[Any, ...], place: str) -> KeyRecord:
    """The record of a row of COLUMNS. Raises StoreError for what is none."""
    mapping = dict(zip(COLUMNS, row, strict=True))
    try:
        for name in ("scopes", "roles"):
            mapping[name] = msgspec.json.decode(mapping[name])
    except (msgspec.DecodeError, TypeError):
        raise StoreError(place, "it holds an entry that is no key") from None
    return from_mapping(mapping, place)
