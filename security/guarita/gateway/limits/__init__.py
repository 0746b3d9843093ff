"""Rate limits: so many requests for whom, counted here or in Redis, and what happens when it is gone."""

from guarita.gateway.limits.refusal import LimitError, LimitUndecidedError

__all__ = ["LimitError", "LimitUndecidedError"]
