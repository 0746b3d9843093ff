"""The state of alerts within one transaction: structs in, structs out."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from guarita.detection.alerts.model import Alert, Cursor, Delivery, Incident, Silence, rank
from guarita.detection.alerts.records import Entry
from guarita.detection.alerts.stores.interface import Execute

T = TypeVar("T")
NEVER: Final = 2**62
"""A time that does not come, in ms."""

_alert = msgspec.json.Decoder(Alert)
_incident = msgspec.json.Decoder(Incident)
_delivery = msgspec.json.Decoder(Delivery)
_silence = msgspec.json.Decoder(Silence)
_entry = msgspec.json.Decoder(Entry)


class State:
    """What a transaction sees and changes."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute

    def cursor(self) -> Cursor | None:
        """How far the ledger is read; None at first."""
        rows = self._execute("SELECT value FROM meta WHERE key = 'cursor'", ())
        return msgspec.json.decode(rows[0][0], type=Cursor) if rows else None

    def save_cursor(self, cursor: Cursor) -> None:
        """Put the cursor there."""
        self._execute(
            "INSERT INTO meta VALUES ('cursor', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (_text(cursor),),
        )

    def open_in(self, slot: str) -> Incident | None:
        """The open incident of a slot."""
        return self._one(_incident, "SELECT body FROM incident WHERE open = 1 AND slot = ?", slot)

    def open_from(self, source: str) -> int:
        """How many incidents of a source are open."""
        rows = self._execute("SELECT count(*) FROM incident WHERE open = 1 AND source = ?", (source,))
        return int(rows[0][0])

    def incident(self, id_: str) -> Incident | None:
        """An incident by its name."""
        return self._one(_incident, "SELECT body FROM incident WHERE id = ?", id_)

    def incidents_like(self, beginning: str) -> list[Incident]:
        """Those whose name begins so."""
        rows = self._execute(
            "SELECT body FROM incident WHERE substr(id, 1, ?) = ? LIMIT 2", (len(beginning), beginning)
        )
        return [_incident.decode(row[0]) for row in rows]

    def incidents(self, *, closed: bool = False) -> list[Incident]:
        """Those that are open, or all there are; the newest last."""
        only = "" if closed else "WHERE open = 1 "
        rows = self._execute(f"SELECT body FROM incident {only}ORDER BY id", ())  # noqa: S608  # constants
        return sorted((_incident.decode(row[0]) for row in rows), key=lambda one: (one.opened, one.id))

    def due(self, now: int, limit: int) -> list[Incident]:
        """Open incidents for which something is to be done by now, the worst first."""
        rows = self._execute(
            "SELECT body FROM incident WHERE open = 1 AND due <= ? ORDER BY due LIMIT ?", (now, limit)
        )
        return sorted((_incident.decode(row[0]) for row in rows), key=lambda one: -rank(one.level))

    def save(self, incident: Incident, due: int) -> None:
        """Put an incident there, to be looked at again when it is `due`."""
        self._execute(
            "INSERT INTO incident VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
            "open = excluded.open, due = excluded.due, body = excluded.body",
            (
                incident.id,
                int(incident.resolved is None),
                incident.slot,
                incident.source,
                due,
                _text(incident),
            ),
        )

    def look_again(self) -> None:
        """Make every open incident due, and what nobody is at of its deliveries: a silence was lifted."""
        self._execute("UPDATE incident SET due = 0 WHERE open = 1", ())
        for delivery in self.deliveries():
            if delivery.lease is None:
                self._execute(
                    "UPDATE delivery SET due = 0 WHERE incident = ? AND channel = ?",
                    (delivery.incident, delivery.channel),
                )

    def alert(self, incident: str, key: str) -> Alert | None:
        """An alert of an incident."""
        return self._one(_alert, "SELECT body FROM alert WHERE incident = ? AND key = ?", incident, key)

    def alerts(self, incident: str) -> list[Alert]:
        """The alerts of an incident, the worst and newest first."""
        rows = self._execute(
            "SELECT body FROM alert WHERE incident = ? ORDER BY rank DESC, serial DESC", (incident,)
        )
        return [_alert.decode(row[0]) for row in rows]

    def save_alert(self, alert: Alert) -> None:
        """Put an alert there."""
        self._execute(
            "INSERT INTO alert VALUES (?, ?, ?, ?, ?) ON CONFLICT (incident, key) DO UPDATE SET "
            "rank = excluded.rank, body = excluded.body",
            (alert.incident, alert.key, alert.serial, rank(alert.level), _text(alert)),
        )

    def delivery(self, incident: str, channel: str) -> Delivery | None:
        """What a channel has to be told of an incident."""
        return self._one(
            _delivery, "SELECT body FROM delivery WHERE incident = ? AND channel = ?", incident, channel
        )

    def deliveries(self, *, pending: bool = True) -> list[Delivery]:
        """What is still to be delivered, or all there is."""
        only = "WHERE pending = 1 " if pending else ""
        rows = self._execute(f"SELECT body FROM delivery {only}ORDER BY channel, incident", ())  # noqa: S608  # constants
        return [_delivery.decode(row[0]) for row in rows]

    def next_delivery(self, channel: str, now: int) -> Delivery | None:
        """What a channel is to be told next: the worst, and of that what waits longest."""
        return self._one(
            _delivery,
            "SELECT body FROM delivery WHERE channel = ? AND pending = 1 AND due <= ? "
            "ORDER BY rank DESC, due LIMIT 1",
            channel,
            now,
        )

    def waiting(self, since: int) -> list[Delivery]:
        """What has been wanted since then or before, and of which neither the fallback nor the ledger has heard."""
        rows = self._execute(
            "SELECT body FROM delivery WHERE pending = 1 AND told = 0 AND since <= ? ORDER BY rank DESC, since",
            (since,),
        )
        return [_delivery.decode(row[0]) for row in rows]

    def save_delivery(self, delivery: Delivery, level: str) -> None:
        """Put a delivery there."""
        self._execute(
            "INSERT INTO delivery VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (incident, channel) DO UPDATE SET "
            "pending = excluded.pending, rank = excluded.rank, due = excluded.due, since = excluded.since, "
            "told = excluded.told, body = excluded.body",
            (
                delivery.incident,
                delivery.channel,
                int(bool(delivery.wants)),
                rank(level),
                delivery.due,
                delivery.since,
                int(delivery.told),
                _text(delivery),
            ),
        )

    def silences(self, now: int) -> list[Silence]:
        """Those that hold."""
        rows = self._execute("SELECT body FROM silence WHERE until > ? ORDER BY id", (now,))
        return [_silence.decode(row[0]) for row in rows]

    def silence(self, id_: str) -> Silence | None:
        """A silence by its name, whether it holds or not."""
        return self._one(_silence, "SELECT body FROM silence WHERE id = ?", id_)

    def save_silence(self, silence: Silence) -> None:
        """Put a silence there."""
        self._execute(
            "INSERT INTO silence VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
            "until = excluded.until, body = excluded.body",
            (silence.id, silence.until, _text(silence)),
        )

    def record(self, entry: Entry) -> None:
        """Have something written to the ledger, once, after this transaction."""
        self._execute("INSERT INTO record VALUES (?, ?, ?)", (entry.id, entry.time, _text(entry)))

    def records(self, limit: int) -> list[Entry]:
        """What is to be written to the ledger, oldest first."""
        rows = self._execute("SELECT body FROM record ORDER BY at, id LIMIT ?", (limit,))
        return [_entry.decode(row[0]) for row in rows]

    def forget_records(self, entries: list[Entry]) -> None:
        """These stand in the ledger."""
        for entry in entries:
            self._execute("DELETE FROM record WHERE id = ?", (entry.id,))

    def prune(self, before: int) -> None:
        """Forget incidents that were over before this time and of which nothing is to be told, and old silences."""
        rows = self._execute(
            "SELECT body FROM incident WHERE open = 0 AND due <= ? AND NOT EXISTS "
            "(SELECT 1 FROM delivery WHERE delivery.incident = incident.id AND pending = 1) LIMIT 200",
            (before,),
        )
        for incident in (_incident.decode(row[0]) for row in rows):
            for table, column in (("alert", "incident"), ("delivery", "incident"), ("incident", "id")):
                self._execute(f"DELETE FROM {table} WHERE {column} = ?", (incident.id,))  # noqa: S608  # constants
        self._execute("DELETE FROM silence WHERE until <= ?", (before,))

    def _one(self, decoder: msgspec.json.Decoder[T], query: str, *values: object) -> T | None:
        rows = self._execute(query, values)
        return decoder.decode(rows[0][0]) if rows else None


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
