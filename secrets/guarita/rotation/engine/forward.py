"""The steps of a rotation, in order: what each does, what it waits for, and the phase that it reaches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from guarita.rotation.engine.delivering import delivered, older_destroyed, on_this_rotation, sweep
from guarita.rotation.errors import DriftError
from guarita.rotation.interface import Fence, Proof
from guarita.rotation.journal import Phase, Work, entity
from guarita.rotation.staging import stage
from guarita.rotation.tools import Job
from guarita.rotation.vault import CasMissError


@dataclass(frozen=True)
class Step:
    """One step. `run` may be called again at any time, by any runner."""

    name: str
    reaches: Phase
    run: Callable[[Job, Fence], Sequence[Proof]]
    effect: bool = True
    """Whether it changes anything outside the journal: then its intent is written before."""
    after: Callable[[Job], tuple[Phase, float]] = lambda _: (Phase.CLAIMED, 0.0)
    """Seconds that must have passed since a phase before it may be taken."""
    restarts: bool = False
    """Whether it restarts consumers, and so waits for a maintenance window."""
    needs_old: bool = False
    """Whether it is left out where there was nothing before."""


def _stage(job: Job, _: Fence) -> Sequence[Proof]:
    place = job.subject.place
    there = None if place is None else job.tools.kv.get(place)
    before = None if there is None or there.data is None else dict(there.data)
    old = job.rotator.current(before or {})
    version = 0 if there is None else there.version
    if old is not None:
        old = job.named(old, version, None if there is None else there.created)
    planned = job.rotator.plan(job.work.rotation, old, job.tools.randomness)
    job.staged = job.tools.staging(job.subject).put(stage(planned, old, before, version))
    told = job.tools.fingerprints.of
    job.work = msgspec.structs.replace(
        job.work,
        new=entity(job.new, told(job.new)),
        old=None
        if job.old is None
        else entity(job.old, told(job.old), version=job.staged.version if place else None),
    )
    return ()


def _create(job: Job, fence: Fence) -> Sequence[Proof]:
    done = job.rotator.create(job.new, fence)
    job.staged = job.tools.staging(job.subject).complete(job.known, done)
    job.work = msgspec.structs.replace(job.work, new=entity(job.new, job.tools.fingerprints.of(job.new)))
    return ()


def _probe(job: Job, _: Fence) -> Sequence[Proof]:
    return (job.rotator.probe(job.new),)


def _publish(job: Job, fence: Fence) -> Sequence[Proof]:
    place = job.subject.place
    made = job.tools.clock.now().server
    version = None
    if place is not None:
        try:
            there = job.tools.kv.put(place, job.known.after, cas=job.known.version)
        except CasMissError as missed:
            fence.hold()
            raise DriftError(
                "rotation.published-by-others",
                f"{place}: somebody else has written version {missed.version} since this rotation was planned",
                hint="what he wrote stands; the next run rotates it",
            ) from None
        made, version = there.created, there.version
    if job.work.new is not None:
        new = msgspec.structs.replace(job.work.new, version=version, created=made)
        job.work = msgspec.structs.replace(job.work, new=new)
    return () if version is None else (Proof(kind="kv-version", facts={"place": place, "version": version}),)


def _deliver(job: Job, fence: Fence) -> Sequence[Proof]:
    return delivered(job, job.work.rotation, job.known.after, fence, canary=True)


def _verify(job: Job, _: Fence) -> Sequence[Proof]:
    proofs = [*on_this_rotation(job, job.work.rotation)]
    served = job.rotator.served(job.new)
    proofs += [] if served is None else [served]
    if job.old is not None and not job.work.emergency:
        proofs.append(job.rotator.idle(job.old))
    return proofs


def _disable(job: Job, fence: Fence) -> Sequence[Proof]:
    if job.old is None:
        return ()
    job.rotator.disable(job.old, fence)
    if job.work.emergency:
        job.rotator.cut(job.old, fence)
        return ()
    # Somebody may have come between the last look and the disabling: then it is climbed back from.
    return (job.rotator.idle(job.old),)


def _refuse(job: Job, _: Fence) -> Sequence[Proof]:
    return () if job.old is None else (job.rotator.refused(job.old),)


def _destroy(job: Job, fence: Fence) -> Sequence[Proof]:
    proofs: list[Proof] = []
    if job.old is not None:
        job.rotator.destroy(job.old, fence)
    proofs += older_destroyed(job, job.work.new)
    if job.old is not None:
        proofs.append(job.rotator.refused(job.old))
    return proofs


def _clean(job: Job, fence: Fence) -> Sequence[Proof]:
    proofs = sweep(job, job.work.new, fence)
    job.tools.staging(job.subject).forget(job.work.rotation)
    return proofs


STAGE: Final = Step("stage", Phase.PLANNED, _stage)
CREATE: Final = Step("create", Phase.CREATED, _create)
PROBE: Final = Step("probe", Phase.PROVEN, _probe, effect=False)
PUBLISH: Final = Step(
    "publish", Phase.PUBLISHED, _publish, after=lambda job: (Phase.CREATED, job.rotator.warm(job.new))
)
DELIVER: Final = Step("deliver", Phase.DELIVERED, _deliver, restarts=True)
VERIFY: Final = Step(
    "verify",
    Phase.VERIFIED,
    _verify,
    effect=False,
    after=lambda job: (
        Phase.DELIVERED,
        0.0
        if job.old is None or job.work.emergency
        else max(job.subject.section.overlap_seconds, job.rotator.overlap(job.old)),
    ),
)
DISABLE: Final = Step("disable", Phase.DISABLED, _disable, needs_old=True)
REFUSE: Final = Step("refuse", Phase.REFUSED, _refuse, effect=False, needs_old=True)
DESTROY: Final = Step(
    "destroy",
    Phase.DESTROYED,
    _destroy,
    needs_old=True,
    after=lambda job: (
        Phase.REFUSED,
        0.0 if job.old is None or job.work.emergency else job.subject.section.soak_seconds,
    ),
)
CLEAN: Final = Step("clean", Phase.DONE, _clean)

ORDINARY: Final = (STAGE, CREATE, PROBE, PUBLISH, DELIVER, VERIFY, DISABLE, REFUSE, DESTROY, CLEAN)
EMERGENCY: Final = (STAGE, CREATE, PROBE, PUBLISH, DISABLE, REFUSE, DELIVER, VERIFY, DESTROY, CLEAN)
"""What has leaked ends before consumers have the new value: they are cut off until they restart."""


def next_step(work: Work) -> Step:
    """The first step whose phase was not reached yet."""
    order = EMERGENCY if work.emergency else ORDINARY
    first = Phase.PLANNED in work.since and work.old is None
    return next(step for step in order if step.reaches not in work.since and not (first and step.needs_old))
