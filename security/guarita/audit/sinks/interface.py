"""The seam between the ledger and where its entries are copied to: what a sink takes, promises and may raise."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass

from guarita.audit.stores.interface import Leaf
from guarita.errors import ExitStatus, GuaritaError


@dataclass(frozen=True)
class Batch:
    """Entries side by side in the log, at least one. After a failure the same batch comes again."""

    origin: str
    """The log's name."""
    leaves: Sequence[Leaf]

    @property
    def start(self) -> int:
        """The first index."""
        return self.leaves[0].index

    @property
    def stop(self) -> int:
        """The index after the last."""
        return self.leaves[-1].index + 1


class SinkError(GuaritaError):
    """A batch was not accepted. Its texts carry neither secrets nor anything of the events."""


class SinkUnavailableError(SinkError):
    """The peer is down, hangs, or has too much to do; a later attempt may succeed."""

    def __init__(
        self, code: str, message: str, *, hint: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(code, message, hint=hint)
        self.retry_after = retry_after
        """Seconds that the peer asked us to wait, where it did."""


class SinkRefusedError(SinkError):
    """The peer says no, and will until somebody changes something: credentials, an index, a quota (status 1)."""

    exit_status = ExitStatus.REFUSED


class Sink(abc.ABC):
    """One place where entries are copied to. Used from one thread; no call may wait without end."""

    @abc.abstractmethod
    def send(self, batch: Batch) -> int:
        """Deliver a batch; returns after the peer has taken it, with the number of entries it will not have.

        That number is 0 unless the peer's protocol lets it drop entries for good and forbids another try.
        Sending a batch again, after an answer was lost, leaves each entry there once, or more than once
        under one identifier. Raises SinkUnavailableError or SinkRefusedError; then nothing is counted as delivered.
        """

    def close(self) -> None:  # noqa: B027  # most have nothing to let go of
        """Let go of connections and files."""
