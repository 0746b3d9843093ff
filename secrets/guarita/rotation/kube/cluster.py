"""A Kubernetes cluster as the engine asks it: the seam's Cluster, on the modules beside this one."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from guarita.rotation.interface import Consumer, Delivery, Fence, PodState, Problem, Proof
from guarita.rotation.kube import lease, rollouts, versions
from guarita.rotation.kube.api import Api
from guarita.rotation.kube.canary import try_canary, withdraw
from guarita.rotation.kube.names import ROTATION
from guarita.rotation.kube.obstacles import obstacle, problems
from guarita.rotation.kube.rights import lacking
from guarita.rotation.kube.snapshot import Snapshot
from guarita.rotation.kube.workloads import (
    BY_NAME,
    JOB,
    POD,
    PODLESS,
    REPLICASET,
    Found,
    Kind,
    Versions,
    Workload,
    controller,
    finished,
    ready,
    terminating,
)

_KEPT: Final = 2.0
"""Seconds for which what was listed of a namespace is good enough to find consumers by. Proofs look anew."""
_SECRET_OWNERS: Final = {
    "ExternalSecret": "External Secrets",
    "SealedSecret": "the Sealed Secrets controller",
}


class KubeCluster:
    """One cluster. Not for several threads at once."""

    def __init__(self, api: Api, namespace: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`namespace` is where the Lease stands."""
        self._api, self._namespace, self._clock = api, namespace, clock
        self._snapshots: dict[str, tuple[float, Snapshot]] = {}

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return self._api.requests

    def consumers(self, delivery: Delivery) -> Sequence[Consumer]:
        """Whatever refers to the plain name or to any version; what makes no pods first."""
        snapshot = self._snapshot(delivery.namespace)
        found = []
        for workload, what in self._referring(snapshot, snapshot.versions(delivery)):
            hindered = obstacle(workload)
            found.append(
                Consumer(
                    delivery=delivery,
                    kind=workload.kind.name,
                    name=workload.name,
                    rotation=what.rotation,
                    uses=what.uses,
                    obstacle=None if hindered is None else hindered.message,
                )
            )
        return found

    def check(self, delivery: Delivery) -> Sequence[Problem]:
        """What will not converge, what is missing or drifted, and who else has a say."""
        snapshot = self._snapshot(delivery.namespace)
        names = snapshot.versions(delivery)
        found: list[Problem] = []
        rights = snapshot.rights()
        if rights is not None:
            found += lacking(delivery.namespace, rights, restart=delivery.restart)
        plain_used = False
        for workload, what in self._referring(snapshot, names):
            found += problems(workload) if delivery.restart else ()
            used = {rotation for _, rotation in what.references}
            plain_used = plain_used or None in used
            found += self._lost(snapshot, names, workload, used)
        plain = snapshot.secret(delivery.name)
        where = f"Secret {delivery.namespace}/{delivery.name}"
        if plain is None and plain_used:
            found.append(
                Problem(
                    code="kube.missing", message=f"{where}: is referred to, and is not there", hinders=False
                )
            )
        if plain is not None:
            found += self._plain(where, plain, used=plain_used)
        return found

    def store(self, delivery: Delivery, rotation: str, data: Mapping[str, str], fence: Fence) -> None:
        """Make the immutable Secret of this rotation."""
        versions.store(self._api, delivery, rotation, data, fence)
        self._forget(delivery.namespace)

    def canary(self, consumer: Consumer, rotation: str, fence: Fence) -> Proof:
        """Start one pod of the template with the new Secret, out of traffic, and see it become ready."""
        kind = BY_NAME.get(consumer.kind)
        if kind is None or not kind.movable or kind in PODLESS:
            return Proof(
                kind="canary", facts={"workload": str(consumer), "skipped": "it makes no pods of ours"}
            )
        workload = rollouts.read(self._api, consumer)
        names = self._names(consumer, rotation)
        return try_canary(self._api, consumer, workload, versions=names, rotation=rotation, fence=fence)

    def point(self, consumer: Consumer, rotation: str | None, fence: Fence) -> None:
        """Let the template refer to this version (None: to the plain name)."""
        if consumer.kind in BY_NAME and BY_NAME[consumer.kind].movable:
            if rotation != fence.rotation:
                withdraw(self._api, consumer, fence)
            rollouts.point(self._api, consumer, self._names(consumer, rotation), rotation, fence)
            self._forget(consumer.delivery.namespace)

    def converged(self, consumer: Consumer, rotation: str | None) -> Proof:
        """The strict gate, looked at once."""
        return rollouts.converged(self._api, consumer, self._names(consumer, rotation), rotation)

    def pods(self, delivery: Delivery) -> Sequence[PodState]:
        """Every pod alive that takes any version, as of now."""
        snapshot = Snapshot(self._api, delivery.namespace)
        names = snapshot.versions(delivery)
        found = []
        for pod in snapshot.all(POD):
            what = names.of_template(pod.object)
            if not what.references or finished(pod.object):
                continue
            kind, owner, _ = rollouts.top_owner(pod, snapshot)
            found.append(
                PodState(
                    name=pod.name,
                    owner=owner if kind is None else f"{kind.name} {owner}",
                    rotation=what.rotation,
                    ready=ready(pod.object),
                    terminating=terminating(pod.object),
                )
            )
        return found

    def prune(self, delivery: Delivery, keep: Collection[str], fence: Fence) -> Sequence[str]:
        """Delete versions of ours that nothing refers to and that are not in `keep`."""
        gone = versions.prune(self._api, delivery, keep, fence)
        if gone:
            self._forget(delivery.namespace)
        return gone

    def acquire(self, holder: str, seconds: float) -> str | None:
        """Take or renew the Lease of rotation."""
        return lease.acquire(self._api, self._namespace, holder, seconds)

    def release(self, holder: str) -> None:
        """Give the Lease back."""
        lease.release(self._api, self._namespace, holder)

    def close(self) -> None:
        """Let go of connections."""
        self._api.close()

    # What stands in a namespace

    def _snapshot(self, namespace: str) -> Snapshot:
        kept = self._snapshots.get(namespace)
        if kept is None or self._clock() > kept[0] + _KEPT:
            kept = (self._clock(), Snapshot(self._api, namespace))
            self._snapshots[namespace] = kept
        return kept[1]

    def _forget(self, namespace: str) -> None:
        self._snapshots.pop(namespace, None)

    def _names(self, consumer: Consumer, rotation: str | None) -> Versions:
        names = self._snapshot(consumer.delivery.namespace).versions(consumer.delivery)
        return names if rotation is None else replace(names, known={*names.known, rotation})

    def _referring(self, snapshot: Snapshot, names: Versions) -> Iterator[tuple[Workload, Found]]:
        """The workloads that refer to a delivery, each once, by whoever may change it."""
        for kind in PODLESS:
            for one in snapshot.all(kind):
                if found := names.of_object(one):
                    yield one, Found(tuple(found))
        for workload in snapshot.users(names):
            if workload.kind is POD:
                yield from self._unowned(snapshot, names, workload)
            elif self._counts(workload):
                what = names.of_template(workload.template, snapshot.account_of(workload.template))
                if what:
                    yield workload, what

    @staticmethod
    def _counts(workload: Workload) -> bool:
        """A Job of a CronJob and a ReplicaSet of a Deployment are their owners' affair; what is over is nobody's."""
        if workload.kind is JOB:
            return controller(workload.object) is None and not finished(workload.object)
        if workload.kind is REPLICASET:
            return controller(workload.object) is None and bool(workload.spec.get("replicas"))
        return True

    @staticmethod
    def _unowned(snapshot: Snapshot, names: Versions, pod: Workload) -> Iterator[tuple[Workload, Found]]:
        """A pod that none of the kinds above makes; canaries are ours."""
        if finished(pod.object) or terminating(pod.object):
            return
        what = names.of_template(pod.object)
        if not what.references:
            return
        kind, owner, _ = rollouts.top_owner(pod, snapshot)
        if kind is POD and not versions.is_canary(pod):
            yield pod, what
        elif kind is None:
            yield Workload(Kind(owner.partition(" ")[0], "", "", (), movable=False), pod.object), what

    @staticmethod
    def _lost(
        snapshot: Snapshot, names: Versions, workload: Workload, used: Collection[str | None]
    ) -> Iterator[Problem]:
        there = snapshot.versions_there(names.delivery)
        for rotation in sorted(one for one in used if one is not None and one not in there):
            yield Problem(
                code="kube.missing",
                message=f"{workload}: refers to Secret {names.name(rotation)}, which is not there, so no new pod starts",
                hinders=False,
            )
        if len(used) > 1:
            yield Problem(
                code="kube.mixed",
                message=f"{workload}: refers to several versions: {', '.join(sorted(map(names.name, used)))}",
                hint="the next rotation points all of it at one",
                hinders=False,
            )

    @staticmethod
    def _plain(where: str, plain: Mapping[str, object], *, used: bool) -> Iterator[Problem]:
        metadata = plain["metadata"]
        owners = metadata.get("ownerReferences") or () if isinstance(metadata, dict) else ()
        for owner in owners:
            who = _SECRET_OWNERS.get(owner.get("kind", ""))
            if who is not None:
                yield Problem(
                    code="kube.secret-owned",
                    message=f"{where}: is kept by {who} ({owner['kind']} {owner.get('name')})",
                    hint=f"it goes on writing the plain name, which nobody takes after a rotation: remove that {owner['kind']}",
                    hinders=False,
                )
        notes = metadata.get("annotations") or {} if isinstance(metadata, dict) else {}
        if not used and ROTATION not in notes:
            yield Problem(
                code="kube.plain-left",
                message=f"{where}: nothing refers to it any more, and it holds a value from before",
                hint="delete it once no way back to it is wanted",
                hinders=False,
            )
