"""The seam between sealing and where the subjects' keys are kept."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

ID_SIZE: Final = 16
"""Bytes of a key's identifier: random, so that it says nothing of the subject once the key is gone."""
KEY_SIZE: Final = 32
"""Bytes of a key: AES-256."""


class SubjectKey(NamedTuple):
    """The key under which one subject's values are sealed."""

    id: bytes
    key: bytes


class KeyStore(abc.ABC):
    """Where the subjects' keys are kept, apart from the log. Safe to use from several threads.

    A subject is found by a keyed hash of its identifier, and only while its key exists: after erasure nothing
    here or in the log leads from the subject to a key, not even for whoever holds everything that is left.
    Every method raises LedgerUnavailableError when the place cannot be reached or written.
    """

    @abc.abstractmethod
    def current(self, subject: str) -> SubjectKey:
        """The subject's key, made durably if there is none."""

    @abc.abstractmethod
    def of_subject(self, subject: str) -> bytes | None:
        """The identifier of the subject's key, if there is one."""

    @abc.abstractmethod
    def key(self, key_id: bytes) -> bytes | None:
        """A key by its identifier, or None when it is not here: destroyed, or of another store."""

    @abc.abstractmethod
    def all(self) -> list[bytes]:
        """The identifiers of all keys that are here."""

    @abc.abstractmethod
    def destroyed(self, key_id: bytes) -> bool:
        """Whether this key was destroyed by `destroy`."""

    @abc.abstractmethod
    def destroy(self, key_ids: Iterable[bytes]) -> None:
        """Destroy keys and note in the same transaction that their erasure is to be recorded in the log."""

    @abc.abstractmethod
    def scrub(self) -> None:
        """Overwrite what destroyed keys left behind in the place itself. May be called again at any time."""

    @abc.abstractmethod
    def unrecorded(self) -> list[bytes]:
        """Destroyed keys of which the log may not hold the record yet."""

    @abc.abstractmethod
    def recorded(self, key_id: bytes) -> None:
        """The log holds the record of this key's end."""

    def paths(self) -> tuple[Path, ...]:
        """The files that the keys are kept in, absolute."""
        return ()

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of connections and files. May be called twice."""
