"""The seam between alerts and where they are kept: transactions of one courier after another."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

Execute = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
"""Carries out one statement of the SQL that SQLite and PostgreSQL share, with ? for values; gives its rows."""

FORMAT: Final = "1"
SCHEMA: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE incident (id TEXT PRIMARY KEY, open INTEGER NOT NULL, slot TEXT NOT NULL, source TEXT NOT NULL,
    due BIGINT NOT NULL, body TEXT NOT NULL);
CREATE UNIQUE INDEX incident_slot ON incident (slot) WHERE open = 1;
CREATE INDEX incident_source ON incident (source) WHERE open = 1;
CREATE INDEX incident_due ON incident (open, due);
CREATE TABLE alert (incident TEXT NOT NULL, key TEXT NOT NULL, serial BIGINT NOT NULL, rank INTEGER NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (incident, key));
CREATE TABLE delivery (incident TEXT NOT NULL, channel TEXT NOT NULL, pending INTEGER NOT NULL,
    rank INTEGER NOT NULL, due BIGINT NOT NULL, since BIGINT NOT NULL, told INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (incident, channel));
CREATE INDEX delivery_due ON delivery (channel, pending, rank, due);
CREATE INDEX delivery_since ON delivery (pending, told, since);
CREATE TABLE silence (id TEXT PRIMARY KEY, until BIGINT NOT NULL, body TEXT NOT NULL);
CREATE TABLE record (id TEXT PRIMARY KEY, at BIGINT NOT NULL, body TEXT NOT NULL);
INSERT INTO meta VALUES ('format', '1')
"""
"""The tables. `body` is the struct as JSON; the other columns are what is looked for."""


class Database(abc.ABC):
    """Where the state of alerts is kept. Safe to use from several threads.

    Every method raises LedgerUnavailableError when the place cannot be reached or written.
    """

    @abc.abstractmethod
    def transaction(self) -> AbstractContextManager[Execute]:
        """One transaction, durable when the block ends, undone when it raises.

        No other transaction, of this process or another, runs at the same time.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of connections. May be called twice."""
