"""One workload's template pointed at a version, and the pods that it makes of it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from guarita.rotation.errors import DriftError, NotYetError
from guarita.rotation.interface import Consumer, Fence, Proof
from guarita.rotation.kube.api import AmbiguousError, Api, ConflictError, Object
from guarita.rotation.kube.change import Operation, change, put, remove, replace
from guarita.rotation.kube.gate import broken, note, status_gate
from guarita.rotation.kube.names import ROLLOUT, template_annotation
from guarita.rotation.kube.snapshot import Snapshot
from guarita.rotation.kube.workloads import (
    ACCOUNT,
    BY_NAME,
    CRONJOB,
    DEPLOYMENT,
    JOB,
    POD,
    PODLESS,
    REPLICASET,
    STATEFULSET,
    Kind,
    Versions,
    Workload,
    finished,
    owned,
    ready,
    selector_text,
    terminating,
)

_REVISION = "controller-revision-hash"


def read(api: Api, consumer: Consumer) -> Workload:
    """The consumer as it stands. Raises NotYetError where it is gone: the consumers are to be looked up again."""
    kind = BY_NAME[consumer.kind]
    found = api.get(kind.path(consumer.delivery.namespace, consumer.name))
    if found is None:
        raise NotYetError("kube.gone", f"{consumer}: is not there any more", delay=1.0)
    return Workload(kind, found)


def point(api: Api, consumer: Consumer, versions: Versions, rotation: str | None, fence: Fence) -> None:
    """Let every reference of a template name this version, in one patch that fails when somebody else was faster."""
    kind = BY_NAME[consumer.kind]

    def decide(there: Object) -> Sequence[Operation]:
        workload = Workload(kind, there)
        if kind in PODLESS:
            return _podless(workload, versions, rotation)
        account = _account_of(api, workload)
        found = versions.of_template(workload.template, account)
        if not found:
            raise _left(workload, versions)
        moved = _template(workload, versions, rotation, by_account=bool(found.by_account))
        if moved:
            # What the gate needs to know of the time before.
            moved = [*moved, put(("metadata", "annotations", ROLLOUT), note(workload, api.now()))]
        return moved

    change(api, kind.path(consumer.delivery.namespace, consumer.name), str(consumer), fence, decide)


def _account_of(api: Api, workload: Workload) -> Object | None:
    spec = workload.template.get("spec") or {}
    if spec.get("imagePullSecrets"):
        return None
    name = spec.get("serviceAccountName") or "default"
    account = api.get(ACCOUNT.path(workload.namespace, name))
    return account if account is not None and account.get("imagePullSecrets") else None


def _template(
    workload: Workload, versions: Versions, rotation: str | None, *, by_account: bool
) -> list[Operation]:
    at = workload.kind.template
    found = versions.of_template(workload.template)
    name = versions.name(rotation)
    operations = [
        replace((*at, "spec", *reference.pointer), name)
        for reference, _ in found.references
        if reference.secret != name
    ]
    if found.annotated == rotation or not (found.references or by_account):
        return operations
    mark = (*at, "metadata", "annotations", template_annotation(versions.delivery))
    if rotation is None:
        return [*operations, remove(mark)]
    metadata = workload.template.get("metadata") or {}
    if not workload.template.get("metadata"):
        operations.append(put((*at, "metadata"), {}))
    if not metadata.get("annotations"):
        operations.append(put((*at, "metadata", "annotations"), {}))
    return [*operations, put(mark, rotation)]


def _podless(workload: Workload, versions: Versions, rotation: str | None) -> Sequence[Operation]:
    name = versions.name(rotation)
    mark = ("metadata", "annotations", template_annotation(versions.delivery))
    operations = [
        replace(reference.pointer, name)
        for reference, _ in versions.of_object(workload)
        if reference.secret != name
    ]
    annotated = workload.annotations.get(template_annotation(versions.delivery))
    if rotation is None and annotated is not None:
        operations.append(remove(mark))
    elif annotated != rotation:
        operations.append(put(mark, rotation))
    return operations


def converged(api: Api, consumer: Consumer, versions: Versions, rotation: str | None) -> Proof:
    """The strict gate, looked at once: the controller is done, and every live pod is of this rotation."""
    kind = BY_NAME.get(consumer.kind)
    if kind is None or not (kind.movable or kind is JOB):
        return _by_hand(consumer, rotation)
    workload = read(api, consumer)
    if kind is JOB:
        return _job_over(workload, versions, rotation)
    if kind in PODLESS:
        return _named(workload, versions, rotation)
    _pointed(workload, versions, rotation, _account_of(api, workload))
    if workload.kind is CRONJOB:
        return _no_older_jobs(api, workload, versions, rotation)
    try:
        facts = status_gate(workload, api.now())
    except NotYetError as error:
        raise _helped(api, workload, versions, rotation, error) from None
    pods = _pods(api, workload)
    ending = [pod for pod in pods if terminating(pod)]
    if ending:
        raise NotYetError(
            "kube.rolling", f"{consumer}: {len(ending)} of its old pods are still ending", delay=1.0
        )
    others = [pod["metadata"]["name"] for pod in pods if not _runs(pod, versions, rotation)]
    if others:
        raise NotYetError(
            "kube.rolling", f"{consumer}: {', '.join(others[:5])} run another version", delay=1.0
        )
    return Proof(
        kind="rollout",
        facts={"workload": str(consumer), **facts, "pods": len(pods), "ready": sum(map(ready, pods))},
    )


def _pointed(workload: Workload, versions: Versions, rotation: str | None, account: Object | None) -> None:
    """Nobody has put another name back since."""
    found = versions.of_template(workload.template, account)
    if not found:
        raise _left(workload, versions)
    if found.rotation != rotation:
        raise _drifted(workload, versions, rotation)


def _drifted(workload: Workload, versions: Versions, rotation: str | None) -> DriftError:
    return DriftError(
        "kube.drift",
        f"{workload}: does not refer to {versions.name(rotation)} any more",
        hint="`guarita rotate plan` says who else writes it",
    )


def _left(workload: Workload, versions: Versions) -> NotYetError:
    return NotYetError(
        "kube.gone",
        f"{workload}: no longer refers to the Secret {versions.delivery.name}, nor to any version of it",
        delay=3.0,
    )


def _runs(pod: Mapping[str, Any], versions: Versions, rotation: str | None) -> bool:
    found = versions.of_template(pod)
    annotated = found.annotated
    return annotated == rotation and all(one == rotation for _, one in found.references)


def _pods(api: Api, workload: Workload) -> Sequence[Object]:
    """The pods of a workload that have not ended, told by their owners."""
    selector = selector_text(workload)
    uids = {workload.uid}
    if workload.kind is DEPLOYMENT:
        sets = api.list(REPLICASET.collection(workload.namespace), labels=selector)
        uids = {one["metadata"]["uid"] for one in owned(sets, {workload.uid})}
    pods = api.list(POD.collection(workload.namespace), labels=selector)
    return [pod for pod in owned(pods, uids) if not finished(pod)]


def _helped(
    api: Api, workload: Workload, versions: Versions, rotation: str | None, error: NotYetError
) -> NotYetError:
    """What pods say about why it takes so long; and help for a StatefulSet that waits for a pod that cannot come up.

    Its controller goes on only when that pod is deleted (Kubernetes documents it as "forced rollback").
    """
    pods = _pods(api, workload)
    if workload.kind is STATEFULSET:
        _free(api, workload, pods, versions, rotation)
    why = broken(pods)
    text = f"{error.message} ({'; '.join(why[:3])})" if why else error.message
    return NotYetError(error.code, text, hint=error.hint, delay=error.delay)


def _free(
    api: Api, workload: Workload, pods: Sequence[Object], versions: Versions, rotation: str | None
) -> None:
    status = workload.status
    if status.get("observedGeneration") != workload.object["metadata"].get("generation"):
        return
    for pod in pods:
        metadata = pod["metadata"]
        older = (metadata.get("labels") or {}).get(_REVISION) != status.get("updateRevision")
        if older and not ready(pod) and not terminating(pod) and not _runs(pod, versions, rotation):
            # One that has changed since is judged at the next look.
            with contextlib.suppress(ConflictError, AmbiguousError):
                api.delete(
                    POD.path(workload.namespace, metadata["name"]),
                    uid=metadata["uid"],
                    version=metadata["resourceVersion"],
                )
            return


def _named(workload: Workload, versions: Versions, rotation: str | None) -> Proof:
    if any(found != rotation for _, found in versions.of_object(workload)):
        raise _drifted(workload, versions, rotation)
    return Proof(kind="rollout", facts={"workload": str(workload)})


def _by_hand(consumer: Consumer, rotation: str | None) -> Proof:
    """What nobody restarts has to be replaced by a person."""
    if consumer.rotation != rotation:
        raise NotYetError(
            "kube.unmanaged",
            f"{consumer}: runs another version, and nobody restarts it",
            hint="delete it, or let whoever made it make it anew",
            delay=10.0,
        )
    return Proof(kind="rollout", facts={"workload": str(consumer)})


def _job_over(workload: Workload, versions: Versions, rotation: str | None) -> Proof:
    found = versions.of_template(workload.template)
    if not finished(workload.object) and found and found.rotation != rotation:
        raise NotYetError("kube.job", f"{workload}: still runs with another version", delay=10.0)
    return Proof(kind="rollout", facts={"workload": str(workload), "over": finished(workload.object)})


def _no_older_jobs(api: Api, workload: Workload, versions: Versions, rotation: str | None) -> Proof:
    """Jobs that were begun from the template before may make pods of it until they are over."""
    jobs = [
        job["metadata"]["name"]
        for job in owned(api.list(JOB.collection(workload.namespace)), {workload.uid})
        if not finished(job) and _of_job(job, versions, rotation)
    ]
    if jobs:
        raise NotYetError(
            "kube.job", f"{workload}: {', '.join(jobs[:5])} still run with another version", delay=10.0
        )
    return Proof(kind="rollout", facts={"workload": str(workload), "older_jobs": 0})


def _of_job(job: Object, versions: Versions, rotation: str | None) -> bool:
    found = versions.of_template(Workload(JOB, job).template)
    return bool(found) and found.rotation != rotation


def top_owner(pod: Workload, snapshot: Snapshot) -> tuple[Kind | None, str, str]:
    """Who makes this pod: its kind if we know it, its name, and its uid."""
    kind, name, uid = POD, pod.name, pod.uid
    here: Mapping[str, Any] | None = pod.object
    while here is not None:
        owner = next(
            (one for one in here["metadata"].get("ownerReferences") or () if one.get("controller")), None
        )
        if owner is None:
            return kind, name, uid
        known = BY_NAME.get(owner["kind"])
        name, uid = f"{owner['name']}", owner["uid"]
        if known is None:
            return None, f"{owner['kind']} {owner['name']}", uid
        kind = known
        here = (
            next((one.object for one in snapshot.all(known) if one.uid == uid), None)
            if known is not ACCOUNT
            else None
        )
    return kind, name, uid
