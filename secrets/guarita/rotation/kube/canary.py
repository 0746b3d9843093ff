"""One pod of a workload's template with the new Secret, out of traffic, before the fleet is touched."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from guarita.rotation.errors import FencedOutError, NotYetError, RolloutFailedError
from guarita.rotation.interface import Consumer, Fence, Proof
from guarita.rotation.kube.api import AmbiguousError, Api, ExistsError, Object, QuotaError, RefusedError
from guarita.rotation.kube.change import seen_token
from guarita.rotation.kube.gate import broken
from guarita.rotation.kube.names import (
    CANARY,
    IN_TRAFFIC,
    MANAGED_BY,
    OURS,
    PLAIN,
    ROTATION,
    canary_name,
    fence_annotation,
    short,
    template_annotation,
)
from guarita.rotation.kube.workloads import (
    DEPLOYMENT,
    POD,
    STATEFULSET,
    Versions,
    Workload,
    condition,
    terminating,
)

_DEADLINE: Final = 600
"""Seconds that a canary may run, where the workload has no deadline of its own."""
_CRASHES: Final = 2
"""So often its container may end before it has failed: one start may have met something passing."""
_ROOM: Final = 60.0
"""Seconds for the scheduler to find it a place; where there is none the fleet goes first."""


def try_canary(
    api: Api, consumer: Consumer, workload: Workload, *, versions: Versions, rotation: str, fence: Fence
) -> Proof:
    """See one pod become ready with the new version, and remove it.

    Gives a proof with `skipped` and why, where no such pod can be made without harm. Raises NotYetError until it is
    ready, RolloutFailedError.
    """
    why = _harmful(workload)
    if why is not None:
        return _skipped(consumer, why)
    path = POD.path(workload.namespace, canary_name(workload.kind.name, workload.name, rotation))
    pod = api.get(path)
    if pod is None:
        fence.hold()
        try:
            pod = api.create(POD.collection(workload.namespace), _pod(workload, versions, rotation, fence))
        except QuotaError:
            return _skipped(consumer, "a ResourceQuota leaves no room for one more pod")
        except (ExistsError, AmbiguousError):
            raise NotYetError("kube.canary", f"{consumer}: its canary is being made", delay=1.0) from None
        except RefusedError as error:
            return _skipped(consumer, f"it is refused ({error.code})")
    _ours(pod, consumer, fence)
    return _judge(api, path, pod, consumer, workload)


def withdraw(api: Api, consumer: Consumer, fence: Fence) -> None:
    """On the way back: remove what was being tried, which holds the value that is going to end."""
    path = POD.path(consumer.delivery.namespace, canary_name(consumer.kind, consumer.name, fence.rotation))
    pod = api.get(path)
    if pod is None or terminating(pod) or CANARY not in (pod["metadata"].get("labels") or {}):
        return
    if seen_token(pod, fence) > fence.token:
        raise FencedOutError(fence.secret, f"canary of {consumer}")
    fence.hold()
    _remove(api, path, pod)


def _skipped(consumer: Consumer, why: str) -> Proof:
    return Proof(kind="canary", facts={"workload": str(consumer), "skipped": why})


def _harmful(workload: Workload) -> str | None:
    """Why a second pod of this template would do harm, or would say nothing."""
    spec = workload.template.get("spec") or {}
    if workload.kind.template != ("spec", "template") or not workload.kind.movable:
        return f"a pod of a {workload.kind.name} would do its work"
    if workload.kind is STATEFULSET:
        return "a StatefulSet restarts one pod at a time, and stops at one that does not come up"
    if spec.get("hostNetwork") or any(
        port.get("hostPort")
        for container in spec.get("containers") or ()
        for port in container.get("ports") or ()
    ):
        return "its pods hold ports of their node"
    if any("persistentVolumeClaim" in volume for volume in spec.get("volumes") or ()):
        return "its pods hold volumes that a second one might not get, or write to"
    return None


def _pod(workload: Workload, versions: Versions, rotation: str, fence: Fence) -> Object:
    """The pod. It keeps a Deployment's labels, since network policies let pods through by them.

    A readiness gate that nobody opens keeps it out of every Service; without a pod-template-hash no ReplicaSet takes
    it in. A DaemonSet would: its pods' labels are left out.
    """
    template = copy.deepcopy(workload.template)
    metadata, spec = template.get("metadata") or {}, template["spec"]
    found = versions.of_template(workload.template)
    for reference, _ in found.references:
        _set(spec, reference.pointer, versions.name(rotation))
    labels = dict(metadata.get("labels") or {}) if workload.kind is DEPLOYMENT else {}
    deadline = workload.spec.get("progressDeadlineSeconds") or _DEADLINE
    spec |= {
        "restartPolicy": "Always",
        "readinessGates": [*(spec.get("readinessGates") or ()), {"conditionType": IN_TRAFFIC}],
        # Whatever becomes of this runner, its containers end.
        "activeDeadlineSeconds": min(int(deadline), _DEADLINE) + int(_ROOM),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": canary_name(workload.kind.name, workload.name, rotation),
            "namespace": workload.namespace,
            "labels": {
                **labels,
                MANAGED_BY: OURS,
                CANARY: short(workload.name),
            },
            "annotations": {
                **(metadata.get("annotations") or {}),
                PLAIN: versions.delivery.name,
                ROTATION: rotation,
                template_annotation(versions.delivery): rotation,
                fence_annotation(fence.secret): str(fence.token),
            },
        },
        "spec": spec,
    }


def _set(content: Any, pointer: tuple[str | int, ...], value: str) -> None:
    for step in pointer[:-1]:
        content = content[step]
    content[pointer[-1]] = value


def _ours(pod: Object, consumer: Consumer, fence: Fence) -> None:
    if seen_token(pod, fence) > fence.token:
        raise FencedOutError(fence.secret, f"canary of {consumer}")
    if CANARY not in (pod["metadata"].get("labels") or {}):
        raise RolloutFailedError(
            "kube.not-ours",
            f"{consumer}: a pod has the name of its canary, and is none",
            hint="rename or delete it",
        )


def _judge(api: Api, path: str, pod: Object, consumer: Consumer, workload: Workload) -> Proof:
    if terminating(pod):
        raise NotYetError("kube.canary", f"{consumer}: an earlier canary is still ending", delay=1.0)
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    restarts = max((int(one.get("restartCount") or 0) for one in statuses), default=0)
    phase = (pod.get("status") or {}).get("phase")
    if phase in {"Failed", "Succeeded"} or restarts >= _CRASHES:
        _remove(api, path, pod)
        reason = (pod.get("status") or {}).get("reason") or "; ".join(broken([pod])) or "its containers ended"
        raise RolloutFailedError(
            "kube.canary-failed",
            f"{consumer}: one pod with the new value did not become ready ({phase}, {restarts} restarts: {reason})",
            hint="the fleet was not touched",
        )
    since = _since(pod)
    now = api.now()
    if since is not None and now >= since + int(workload.spec.get("minReadySeconds") or 0):
        _remove(api, path, pod)
        facts = {
            "workload": str(consumer),
            "pod": pod["metadata"]["name"],
            "ready": True,
            "restarts": restarts,
        }
        return Proof(kind="canary", facts=facts)
    homeless = condition(pod, "PodScheduled").get("reason") == "Unschedulable"
    if homeless and now > _seconds(pod["metadata"]["creationTimestamp"]) + _ROOM:
        _remove(api, path, pod)
        return _skipped(consumer, "the cluster has no room for one more pod")
    raise NotYetError(
        "kube.canary",
        f"{consumer}: one pod with the new value is not ready yet ({'; '.join(broken([pod])) or phase})",
        delay=1.0,
    )


def _since(pod: Mapping[str, Any]) -> float | None:
    """When its containers became ready, in seconds since the epoch. The pod itself never does, by its gate."""
    found = condition(pod, "ContainersReady")
    return _seconds(found["lastTransitionTime"]) if found.get("status") == "True" else None


def _seconds(stamp: str) -> float:
    return dt.datetime.fromisoformat(stamp).timestamp()


def _remove(api: Api, path: str, pod: Object) -> None:
    try:
        api.delete(path, uid=pod["metadata"]["uid"])
    except AmbiguousError:
        there = api.get(path)
        if (
            there is not None
            and there["metadata"]["uid"] == pod["metadata"]["uid"]
            and not terminating(there)
        ):
            raise
