"""One runner at a time in a cluster, by a Lease: for liveness. What keeps two from harm is the fence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from guarita.errors import GuaritaError
from guarita.rotation.errors import TransientError
from guarita.rotation.service import Service
from guarita.rotation.tools import Subject

_PAUSE: Final = 0.5


@contextmanager
def leased(
    service: Service,
    subjects: Iterable[Subject],
    *,
    waits: bool = False,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Callable[[], None]]:
    """Hold the Lease of every cluster that these secrets are delivered in; what it gives renews them in time.

    With `waits` one that nobody renews any more is waited out. Raises TransientError `rotation.lease-held` when
    another runner has one.
    """
    seconds = service.section.lease_seconds
    names = dict.fromkeys(supply.delivery.cluster for subject in subjects for supply in subject.supplies)
    if not seconds:
        names.clear()
    held: list[str] = []
    renewed = monotonic()

    def alive() -> None:
        nonlocal renewed
        if monotonic() - renewed < seconds / 3:
            return
        renewed = monotonic()
        for name in held:
            # Without it another runner may begin beside this one: slower, and no harm.
            with suppress(TransientError):
                service.clusters[name].acquire(service.runner, seconds)

    try:
        for name in names:
            until = monotonic() + (seconds + _PAUSE if waits else 0)
            while (other := service.clusters[name].acquire(service.runner, seconds)) is not None:
                if monotonic() < until:
                    sleep(_PAUSE)
                    continue
                raise TransientError(
                    "rotation.lease-held",
                    f"cluster {name}: the runner {other} is at work",
                    hint="let it finish, or wait until its Lease ends",
                    delay=seconds,
                )
            held.append(name)
        yield alive
    finally:
        for name in held:
            with suppress(GuaritaError):
                service.clusters[name].release(service.runner)
