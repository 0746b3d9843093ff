"""What rotation refuses and what it could not do; each error says whether to try again."""

from __future__ import annotations

from collections.abc import Sequence

from guarita.errors import ExitStatus, GuaritaError, UsageError


class RotationError(GuaritaError):
    """A step did not succeed. Its text never holds a secret value, nor a library's message that may quote one."""


class TransientError(RotationError):
    """Trying again may succeed, `delay` seconds from now at the earliest. Nothing is rolled back for it."""

    def __init__(self, code: str, message: str, *, hint: str | None = None, delay: float = 5.0) -> None:
        super().__init__(code, message, hint=hint)
        self.delay = delay


class NotYetError(TransientError):
    """No fault: something is on its way (a rollout, a replica, a cache), and has to be waited for."""


class StillInUseError(NotYetError):
    """Somebody uses the old credential. `users` says who, without values: `10.0.0.7 (app_a, 2 sessions)`."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        users: Sequence[str] = (),
        hint: str | None = None,
        delay: float = 5.0,
    ) -> None:
        super().__init__(code, message, hint=hint, delay=delay)
        self.users = tuple(users)


class PermanentError(RotationError):
    """Trying again is no use. Until the old credential is disabled, the engine rolls back for it."""

    exit_status = ExitStatus.REFUSED


class ProbeFailedError(PermanentError):
    """The new credential does not work where it has to, or the probe would accept any."""


class RolloutFailedError(PermanentError):
    """A consumer does not come up with the new value (`ProgressDeadlineExceeded`, a canary that fails)."""


class StillValidError(PermanentError):
    """The old credential still logs in after it was disabled or destroyed."""


class DriftError(PermanentError):
    """Somebody else changed what this rotation stands on. What he wrote is left as it is."""


class FencedOutError(RotationError):
    """Another runner has gone on with this secret. This one has no say any more: it ends, and undoes nothing."""

    def __init__(self, secret: str, where: str) -> None:
        super().__init__(
            "rotation.fenced-out",
            f"{secret}: another runner has gone on, seen at {where}; this one ends without doing harm",
            hint="`guarita rotate status` shows where it is",
        )


class RotationConfigError(UsageError):
    """The configuration cannot be carried out as it stands: exit status 2."""


__all__ = [
    "DriftError",
    "FencedOutError",
    "NotYetError",
    "PermanentError",
    "ProbeFailedError",
    "RolloutFailedError",
    "RotationConfigError",
    "RotationError",
    "StillInUseError",
    "StillValidError",
    "TransientError",
]
