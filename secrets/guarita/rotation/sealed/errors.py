"""What sealing and unsealing refuse. No message quotes a value, sealed or not."""

from __future__ import annotations

from guarita.errors import ExitStatus, GuaritaError, UsageError


class SealedInputError(UsageError):
    """A manifest, a certificate or a key that cannot be taken."""


class UnsealError(GuaritaError):
    """A value that no given key opens, or that was damaged: exit status 1."""

    exit_status = ExitStatus.REFUSED
