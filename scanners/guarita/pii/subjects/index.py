"""The subject index: keyed tokens of data by document and place, in SQLite. No datum is in it, nor where a document is.

A token is an HMAC under a key of the tenant, so that nobody can try values against the file; the place of a document
is sealed (AES-256-GCM), since names of files name people.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from guarita.errors import GuaritaError
from guarita.pii.canonical import canonical
from guarita.pii.entities import TITLES
from guarita.pii.ingest.check import Sighting
from guarita.pii.keys import Keyring

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS document (
    place BLOB PRIMARY KEY, tenant TEXT NOT NULL, document TEXT NOT NULL, reference TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sighting (token BLOB NOT NULL, place BLOB NOT NULL, entity TEXT NOT NULL, label TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS sighting_token ON sighting (token);
CREATE INDEX IF NOT EXISTS sighting_place ON sighting (place);
"""
_PATIENCE: Final = 10.0
"""Seconds that a writer waits for another."""


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A document in which somebody was found."""

    reference: str
    document: str
    """Its name in the ledger."""
    found: list[tuple[str, str]]
    """(entity type, place) of each datum."""


class SubjectIndex:
    """One index file, for any number of threads and processes."""

    def __init__(self, path: Path, keys: Keyring) -> None:
        self._path = path
        self._keys = keys
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as connection:
            connection.executescript(_SCHEMA)

    def add(self, sighting: Sighting) -> None:
        """Put a document in, in the place of what was known of the same reference. Raises GuaritaError."""
        place = self._place(sighting.tenant, sighting.reference)
        with self._open() as connection:
            _forget(connection, place)
            connection.execute(
                "INSERT INTO document VALUES (?, ?, ?, ?)",
                (
                    place,
                    sighting.tenant,
                    sighting.document,
                    self._keys.sealed("subject-reference", sighting.reference),
                ),
            )
            connection.executemany(
                "INSERT INTO sighting VALUES (?, ?, ?, ?)",
                [(token, place, entity, label) for token, entity, label in sighting.tokens],
            )

    def remove(self, tenant: str, reference: str) -> bool:
        """Take a document out; whether it was there. Raises GuaritaError."""
        with self._open() as connection:
            return _forget(connection, self._place(tenant, reference))

    def find(self, tenant: str, values: Iterable[str]) -> list[Match]:
        """The documents in which any of these values stands, whatever it is: a number, an address, a name.

        Punctuation of numbers, case of addresses and the form of telephones do not matter. Raises GuaritaError.
        """
        tokens = {
            self._keys.token(tenant, entity, spelled)
            for value in values
            for entity in TITLES
            if (spelled := canonical(entity, value))
        }
        rows: dict[bytes, list[tuple[str, str]]] = {}
        matches: list[Match] = []
        with self._open() as connection:
            for token in tokens:
                for place, entity, label in connection.execute(
                    "SELECT place, entity, label FROM sighting WHERE token = ?", (token,)
                ):
                    rows.setdefault(place, []).append((entity, label))
            for place, found in rows.items():
                document, reference = connection.execute(
                    "SELECT document, reference FROM document WHERE place = ?", (place,)
                ).fetchone()
                matches.append(
                    Match(
                        reference=self._keys.unsealed("subject-reference", reference),
                        document=document,
                        found=sorted(set(found)),
                    )
                )
        return sorted(matches, key=lambda match: match.reference)

    def _place(self, tenant: str, reference: str) -> bytes:
        return self._keys.token(tenant, "reference", reference)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock, closing(sqlite3.connect(self._path, timeout=_PATIENCE)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA secure_delete = ON")
                with connection:
                    yield connection
        except sqlite3.Error as error:
            raise GuaritaError(
                "pii.subject-index",
                f"{self._path}: the subject index cannot be used ({error.sqlite_errorname or type(error).__name__})",
                hint="build it again with `guarita pii subject index`",
            ) from None


def _forget(connection: sqlite3.Connection, place: bytes) -> bool:
    connection.execute("DELETE FROM sighting WHERE place = ?", (place,))
    return connection.execute("DELETE FROM document WHERE place = ?", (place,)).rowcount > 0
