"""The way back: what of a rotation may have been done is undone, and the old credential stands proven again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from guarita.rotation.engine.delivering import delivered, older_destroyed, on_this_rotation, sweep
from guarita.rotation.interface import ADOPTED, Fence, Proof
from guarita.rotation.tools import Job
from guarita.rotation.vault import CasMissError


@dataclass(frozen=True)
class Undo:
    """One step back, needed once the intent of the step that it undoes was written."""

    name: str
    of: str
    run: Callable[[Job, Fence], Sequence[Proof]]
    needs_old: bool = True


def _enable(job: Job, fence: Fence) -> Sequence[Proof]:
    if job.old is not None:
        job.rotator.enable(job.old, fence)
    return ()


def _reprobe(job: Job, _: Fence) -> Sequence[Proof]:
    return () if job.old is None else (job.rotator.probe(job.old),)


def _republish(job: Job, fence: Fence) -> Sequence[Proof]:
    place, staged, kv = job.subject.place, job.known, job.tools.kv
    if place is None:
        return ()
    there = kv.get(place)
    if staged.before is None:
        if there is not None and there.data == staged.after:
            kv.destroy(place, [there.version])
        return ()
    if there is None or not (there.version == staged.version or there.data in (staged.after, staged.before)):
        return (Proof(kind="left", facts={"place": place, "why": "somebody else has published since"}),)
    new = job.work.new
    if there.data == staged.after and new is not None:
        job.work = msgspec.structs.replace(job.work, new=msgspec.structs.replace(new, version=there.version))
    if there.data == staged.before and there.version > staged.version:
        version = there.version
    else:
        # Written also where the new value seems never to have been: what may be on its way to there misses then.
        try:
            version = kv.put(place, staged.before, cas=there.version).version
        except CasMissError:
            return _republish(job, fence)
    old = job.work.old
    if old is not None:
        job.work = msgspec.structs.replace(job.work, old=msgspec.structs.replace(old, version=version))
    return (Proof(kind="kv-version", facts={"place": place, "version": version}),)


def _repoint(job: Job, fence: Fence) -> Sequence[Proof]:
    if job.old is None:
        return ()
    back = None if job.old.rotation == ADOPTED else job.old.rotation
    proofs = delivered(job, back, job.known.before or {}, fence, canary=False)
    return (*proofs, *on_this_rotation(job, back))


def _retire(job: Job, fence: Fence) -> Sequence[Proof]:
    proofs = [job.rotator.idle(job.new)] if "publish" in job.work.begun else []
    job.rotator.destroy(job.new, fence)
    return (*proofs, job.rotator.refused(job.new))


def _clean(job: Job, fence: Fence) -> Sequence[Proof]:
    proofs: list[Proof] = []
    if "publish" in job.work.begun:
        proofs += older_destroyed(job, job.work.old)
    if "create" in job.work.begun:
        proofs += sweep(job, job.work.old, fence)
    job.tools.staging(job.subject).forget(job.work.rotation)
    return proofs


STEPS: Final = (
    Undo("enable", "disable", _enable),
    Undo("probe-old", "publish", _reprobe),
    Undo("publish-old", "publish", _republish, needs_old=False),
    Undo("deliver-old", "deliver", _repoint),
    Undo("retire", "create", _retire, needs_old=False),
    Undo("clean", "stage", _clean, needs_old=False),
)


def next_undo(job: Job) -> Undo | None:
    """The first step back that is needed and not done."""
    for undo in STEPS:
        if undo.name not in job.work.undone and undo.of in job.work.begun:
            return undo
    return None
