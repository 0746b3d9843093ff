"""What the ledger refuses, and what it could not do: the error types and their codes."""

from __future__ import annotations

from guarita.errors import ExitStatus, GuaritaError, UsageError


class LedgerError(GuaritaError):
    """The ledger could not answer; the answer is unknown (exit status 3)."""


class LedgerUnavailableError(LedgerError):
    """The ledger cannot be written or read now: disk full, read-only, unlinked, server gone.

    Nothing of what was being appended is acknowledged. A later attempt may succeed.
    """


class LedgerCorruptError(LedgerError):
    """The log is not what it was: shrunk, forked or edited (exit status 1).

    `index` is the first leaf known to be wrong, where the damage can be placed.
    """

    exit_status = ExitStatus.REFUSED

    def __init__(self, code: str, message: str, *, index: int | None = None, hint: str | None = None) -> None:
        super().__init__(code, message, hint=hint)
        self.index = index


class EventRefusedError(UsageError):
    """This event may not enter the ledger: too large, or it carries a secret. Sending it again is no use."""


class ProofError(LedgerError):
    """A proof, a checkpoint or a signature does not hold (exit status 1)."""

    exit_status = ExitStatus.REFUSED
