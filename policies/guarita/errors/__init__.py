"""The one error type that reaches a person: a stable code, a message, and what to do next."""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """What the command's exit status means, the same for every command."""

    PASSED = 0
    REFUSED = 1
    """The gate, the proof or the policy says no."""
    USAGE = 2
    """The call or the configuration is wrong."""
    UNKNOWN = 3
    """Something could not run, so the answer is unknown. Unknown never passes."""


class GuaritaError(Exception):
    """Something a person can act on. Never carries a secret, a token or a personal datum.

    `code` is stable and for machines (`config.unknown-key`), `message` says what happened and where,
    `hint` says what to do next. `exit_status` is what the command answers when nobody handles it.
    """

    exit_status: ExitStatus = ExitStatus.UNKNOWN

    def __init__(self, code: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class UsageError(GuaritaError):
    """The call or the configuration is wrong: exit status 2."""

    exit_status = ExitStatus.USAGE


class MissingExtraError(UsageError):
    """A part was asked for whose extra is not installed."""

    def __init__(self, extra: str, missing: str) -> None:
        super().__init__(
            "extra.missing",
            f"this needs the package {missing!r}, which is not installed",
            hint=f"pip install 'guarita[{extra}]'",
        )
        self.extra = extra
