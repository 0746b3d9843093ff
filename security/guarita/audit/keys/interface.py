"""The seam between the ledger and where its signing key is kept."""

from __future__ import annotations

import abc
from pathlib import Path

from guarita.audit.notes.ed25519 import VerifyingKey


class LogSigner(abc.ABC):
    """A key that signs for the log, here or elsewhere."""

    public: VerifyingKey

    @property
    def name(self) -> str:
        """The key's name: the log's origin."""
        return self.public.name

    @property
    def key_id(self) -> bytes:
        """As of the public key."""
        return self.public.key_id

    @abc.abstractmethod
    def sign(self, text: bytes) -> bytes:
        """The Ed25519 signature. Raises LedgerUnavailableError when the key cannot be used now."""


class KeySource(abc.ABC):
    """Where the signing keys of one log are kept. Around a rotation there are several."""

    @abc.abstractmethod
    def load(self, origin: str) -> list[LogSigner]:
        """The keys, newest first; empty when none was made yet.

        Raises UsageError for keys that are another log's, malformed, or readable by others;
        LedgerUnavailableError when the place cannot be reached.
        """

    @abc.abstractmethod
    def add(self, origin: str) -> None:
        """Make a new key, the newest from now on, and keep it durably beside the others.

        Raises UsageError `audit.key-source` where keys are made by somebody else.
        """

    @abc.abstractmethod
    def forget(self, vkeys: set[str]) -> None:
        """Destroy these keys where that is ours to do. Signatures made by them stay good."""

    @property
    def origin(self) -> str | None:
        """The log that the keys name, where they are there and name one."""
        return None

    def paths(self) -> tuple[Path, ...]:
        """The files that the keys are kept in, absolute."""
        return ()
