"""How a process can fail: it is missing, crashed, hung, or was stopped."""

from __future__ import annotations

import re
from typing import Final

from guarita.errors import GuaritaError

LAST_WORDS: Final = 2000
"""Bytes of stderr that an error carries at most."""


class ProcessError(GuaritaError):
    """A process did not do what it was started for. Codes: `process.missing`, `.crashed`, `.hung`, `.stopped`.

    `signal` is the number of the signal that ended it, None where none did.
    """

    def __init__(
        self, code: str, message: str, *, hint: str | None = None, signal: int | None = None
    ) -> None:
        super().__init__(code, message, hint=hint)
        self.signal = signal


def missing(caller: str, program: str, reason: str | None) -> ProcessError:
    """The error for a program that cannot be started."""
    return ProcessError("process.missing", f"{caller}: cannot start {program}: {reason}")


def crashed(caller: str, status: int | None, stderr: bytes) -> ProcessError:
    """The error for a process that ended by itself; `stderr` is quoted to its last words."""
    signal = -status if status is not None and status < 0 else None
    how = f"signal {signal}" if signal else f"status {status}"
    words = last_words(stderr)
    return ProcessError(
        "process.crashed",
        f"{caller}: the engine ended with {how}" + (f": {words}" if words else " and said nothing"),
        signal=signal,
    )


def hung(caller: str, what: str) -> ProcessError:
    """The error for a process past its limit, killed with all its children."""
    return ProcessError("process.hung", f"{caller}: {what} did not answer within its limit and was ended")


def stopped(caller: str) -> ProcessError:
    """The error for a process that its caller no longer wants."""
    return ProcessError("process.stopped", f"{caller}: stopped before it was done")


def last_words(stderr: bytes) -> str:
    """The end of what a tool said, on one line, without control characters."""
    text = stderr[-LAST_WORDS:].decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return re.sub(r"[^\x20-\x7e\u00a0-\uffff]", "?", " | ".join(lines[-3:]))[-600:]
