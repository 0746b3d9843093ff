"""What can be wrong with rules and their cases."""

from __future__ import annotations

from guarita.errors import UsageError


class RuleError(UsageError):
    """A rule cannot be evaluated as it is written; the message names file, line and reason."""
