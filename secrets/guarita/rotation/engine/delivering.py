"""Consumers in Kubernetes: a version of the Secret, templates pointed at it a few at a time, pods that run it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from guarita.rotation.errors import NotYetError, RolloutFailedError
from guarita.rotation.interface import Consumer, Credential, Fence, Proof
from guarita.rotation.journal import Entity, Phase
from guarita.rotation.templates import secret_data
from guarita.rotation.tools import Job, Supply


def delivered(
    job: Job, rotation: str | None, fields: Mapping[str, Any], fence: Fence, *, canary: bool
) -> Sequence[Proof]:
    """See every consumer of every delivery converged on this version (None: the plain Secret); makes it before.

    Looks once and moves what it may. Raises NotYetError until all have, RolloutFailedError.
    """
    proofs: list[Proof] = []
    waiting: list[NotYetError] = []
    for supply in job.subject.supplies:
        if rotation is not None:
            job.cluster(supply).store(supply.delivery, rotation, secret_data(supply.keys, fields), fence)
        if not supply.delivery.restart:
            continue
        for consumer in job.cluster(supply).consumers(supply.delivery):
            try:
                proofs += _moved(job, supply, consumer, rotation, fence, canary=canary and supply.canary)
            except NotYetError as error:
                waiting.append(error)
    if waiting:
        soonest = min(waiting, key=lambda error: error.delay)
        raise NotYetError(
            soonest.code,
            "; ".join(dict.fromkeys(error.message for error in waiting)),
            hint=soonest.hint,
            delay=soonest.delay,
        )
    return proofs


def _moved(
    job: Job, supply: Supply, consumer: Consumer, rotation: str | None, fence: Fence, *, canary: bool
) -> Sequence[Proof]:
    cluster, restarts = job.cluster(supply), job.tools.restarts
    proofs = []
    if not restarts.take(consumer):
        raise NotYetError(
            "rotation.restarts-bound", f"{consumer}: waits until others have restarted", delay=2.0
        )
    moves = consumer.rotation != rotation
    try:
        if moves and canary and rotation is not None:
            proofs.append(cluster.canary(consumer, rotation, fence))
        # Also where it points there already: the token that this leaves keeps a late runner from pointing elsewhere.
        cluster.point(consumer, rotation, fence)
        if moves:
            job.tools.say(f"{job.subject.name}: restarting {consumer}")
        proofs.append(cluster.converged(consumer, rotation))
    except RolloutFailedError:
        restarts.free(consumer)
        raise
    restarts.free(consumer)
    return proofs


def on_this_rotation(job: Job, rotation: str | None) -> Sequence[Proof]:
    """Evidence that every live pod runs this version and none of another is left, terminating ones too.

    Raises NotYetError that names those which do not.
    """
    proofs = []
    for supply in job.subject.supplies:
        if not supply.delivery.restart:
            continue
        pods = job.cluster(supply).pods(supply.delivery)
        others = [pod.name for pod in pods if pod.rotation != rotation or pod.terminating]
        if others:
            raise NotYetError(
                "rotation.pods-left",
                f"{len(others)} of {len(pods)} pods in {supply.delivery.namespace} still run another version or are "
                f"ending: {', '.join(sorted(others)[:5])}",
            )
        facts = {"cluster": supply.delivery.cluster, "namespace": supply.delivery.namespace}
        proofs.append(Proof(kind="pods", facts={**facts, "running": len(pods), "others": 0}))
    return proofs


def sweep(job: Job, keep: Entity | None, fence: Fence) -> Sequence[Proof]:
    """End what late or lost calls left behind: credentials at the target, versions of Secrets, staged values."""
    left: list[str] = []
    kept = None if keep is None else _in_force(job, keep)
    if kept is not None:
        left += job.rotator.sweep([kept], fence)
    for supply in job.subject.supplies:
        versions = set() if keep is None else {keep.rotation}
        left += job.cluster(supply).prune(supply.delivery, versions, fence)
    staging = job.tools.staging(job.subject)
    for rotation in staging.left():
        if rotation != job.work.rotation or job.work.phase is Phase.DONE:
            staging.forget(rotation)
            left.append(f"staged {rotation}")
    return (Proof(kind="swept", facts={"ended": left}),) if left else ()


def older_destroyed(job: Job, current: Entity | None) -> Sequence[Proof]:
    """Destroy what Vault keeps of the versions before the one in force."""
    place = job.subject.place
    if place is None or current is None or current.version is None:
        return ()
    kept = job.tools.kv.versions(place).items()
    gone = [version for version, readable in kept if readable and version < current.version]
    job.tools.kv.destroy(place, gone)
    return (Proof(kind="kv-destroyed", facts={"place": place, "versions": gone}),) if gone else ()


def _in_force(job: Job, one: Entity) -> Credential | None:
    """What is in force, as far as that is certain: what cannot be told from it is not ended."""
    fields: Mapping[str, Any] = {}
    if (place := job.subject.place) is not None:
        there = job.tools.kv.get(place)
        if there is None or there.data is None or there.version != one.version:
            return None
        fields = there.data
    return Credential(
        rotation=one.rotation, handle=one.handle, values=fields, version=one.version, created=one.created
    )
