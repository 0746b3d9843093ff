"""What can go wrong with alerts, as errors with codes."""

from __future__ import annotations

from guarita.errors import GuaritaError, UsageError


class AlertsError(GuaritaError):
    """Alerts could not be handled; the answer is unknown (exit status 3)."""


class AlertsUsageError(UsageError):
    """The call or the configuration is wrong."""
