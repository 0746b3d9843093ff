"""What metrics tell of each secret, from how it stands."""

from __future__ import annotations

from guarita.rotation.metrics.collect import SecretState
from guarita.rotation.standing import Standing


def state_of(one: Standing) -> SecretState:
    """A secret's standing, as moments."""
    work = None if one.entry is None else one.entry.work
    last = None if one.entry is None else one.entry.last
    known = one.age is not None and one.age != float("inf")
    expected = None
    if work is not None:
        waits = None if work.waiting is None else work.waiting.until
        reached = work.since.get(work.phase)
        expected = waits if waits is not None else None if reached is None else reached.server
    return SecretState(
        name=one.secret,
        kind=one.kind,
        max_age=one.limit,
        created=one.created if known else None,
        due=one.due if known else None,
        phase="" if work is None else str(work.phase),
        expected=expected,
        last="" if last is None else str(last.phase),
        last_at=None if last is None else last.at.server,
    )
