"""How each secret stands: its age, when it is due, what is under way. From its journal, and its target where asked."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass
from typing import Final

from guarita.config.rotation_base import DAY
from guarita.config.rotation_secrets import SecretSection
from guarita.rotation.clock import Moment, age
from guarita.rotation.journal import Entry

_SPREAD: Final = 2**64


class Age(enum.StrEnum):
    """Where a secret is between new and too old."""

    FRESH = "fresh"
    DUE = "due"
    OVERDUE = "overdue"
    """Older than its limit."""
    MISSING = "missing"
    """There is no value yet."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One secret at one moment. Times are in seconds since the epoch by the server's clock, ages in seconds."""

    secret: str
    kind: str
    created: float | None
    age: float | None
    limit: float
    due: float | None
    """When it becomes due."""
    state: Age
    entry: Entry | None

    @property
    def wanted(self) -> bool:
        """Whether a new value should be made now."""
        return self.state is not Age.FRESH

    @property
    def why(self) -> str:
        """In a few words, for a person."""
        if self.state is Age.MISSING:
            return "no value yet"
        if self.age is None or self.age == float("inf"):
            return "its age cannot be known"
        days = f"{self.age / DAY:.1f} of {self.limit / DAY:g} days old"
        return {Age.FRESH: days, Age.DUE: f"{days}, due", Age.OVERDUE: f"{days}: over its limit"}[self.state]


def standing(
    name: str,
    section: SecretSection,
    *,
    kind: str,
    entry: Entry | None,
    created: float | None,
    now: Moment,
    jitter_days: float,
) -> Standing:
    """How a secret stands whose value was made at `created` (None: there is none)."""
    limit = section.max_age_days * DAY
    due = None if created is None else created + lead(name, section, jitter_days)
    old = None if created is None else age(created, now)
    if created is None or old is None or due is None:
        state = Age.MISSING
    elif old >= limit:
        state = Age.OVERDUE
    elif old >= due - created:
        state = Age.DUE
    else:
        state = Age.FRESH
    return Standing(
        secret=name, kind=kind, created=created, age=old, limit=limit, due=due, state=state, entry=entry
    )


def lead(name: str, section: SecretSection, jitter_days: float) -> float:
    """Seconds from a value's making until it is due: earlier than its limit, and not for all on the same day."""
    longest = (section.max_age_days - section.renew_before_days) * DAY
    spread = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / _SPREAD
    return longest - spread * min(jitter_days * DAY, longest / 2)
