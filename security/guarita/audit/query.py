"""Finding events in the ledger: by class, actor, resource, severity, time and free text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from guarita.audit.stores.interface import Leaf


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for. Everything given must hold; nothing given holds for every event."""

    class_uid: int | None = None
    actor: str | None = None
    """Who did it or to whom it was done, as written: an identifier, a name, an application."""
    resource: str | None = None
    severity: int | None = None
    """This OCSF `severity_id` or worse."""
    since: int | None = None
    """ms since the epoch, included."""
    until: int | None = None
    """ms since the epoch, not included."""
    text: str | None = None
    """Anywhere in the stored JSON, in any case of letters."""


class Found(msgspec.Struct, frozen=True):
    """An entry that matches."""

    index: int
    leaf_hash: str
    """Hex."""
    event: dict[str, Any]


class _Party(msgspec.Struct):
    uid: str | None = None
    name: str | None = None


class _Actor(msgspec.Struct):
    user: _Party | None = None
    app_name: str | None = None


class _Seen(msgspec.Struct):
    """The little of an event that is decoded to judge it: the rest is skipped, which is most of the work."""

    class_uid: int = 0
    severity_id: int = 0
    time: int = 0
    actor: _Actor | None = None
    user: _Party | None = None
    entity: _Party | None = None
    scan: _Party | None = None
    finding_info: _Party | None = None
    resources: list[_Party] = []

    def actors(self) -> set[str | None]:
        """Every name under which somebody takes part."""
        by = self.actor or _Actor()
        return {part for who in (by.user, self.user) if who for part in (who.uid, who.name)} | {by.app_name}

    def resources_named(self) -> set[str | None]:
        """Every name of what it is about."""
        parties = (*self.resources, self.entity, self.scan, self.finding_info)
        return {part for what in parties if what for part in (what.uid, what.name)}


_seen = msgspec.json.Decoder(_Seen)
_event = msgspec.json.Decoder(dict[str, Any])


Reading = Callable[[bytes], bytes]
"""From an entry's stored bytes to those that are read and searched: with sealed values opened, say."""


def select(leaves: Iterable[Leaf], query: Query, reading: Reading = lambda body: body) -> Iterator[Found]:
    """The entries that match, in the order given. The caller has compared their bytes with their hashes."""
    wanted = query.text.casefold() if query.text else None
    for leaf in leaves:
        body = reading(leaf.body)
        if wanted is not None and wanted not in body.decode(errors="replace").casefold():
            continue
        try:
            if not _matches(_seen.decode(body), query):
                continue
            yield Found(leaf.index, leaf.hash.hex(), _event.decode(body))
        except msgspec.DecodeError:
            # Not written by this version: shown only when everything is asked for.
            if query == Query():
                yield Found(leaf.index, leaf.hash.hex(), {})


def _matches(seen: _Seen, query: Query) -> bool:
    return (
        (query.class_uid is None or seen.class_uid == query.class_uid)
        and (query.severity is None or query.severity <= seen.severity_id <= 6)  # noqa: PLR2004  # 99 is Other
        and (query.since is None or seen.time >= query.since)
        and (query.until is None or seen.time < query.until)
        and (query.actor is None or query.actor in seen.actors())
        and (query.resource is None or query.resource in seen.resources_named())
    )
