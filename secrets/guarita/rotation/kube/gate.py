"""The strict gate of a rollout: what has to be seen before a credential that pods had may go (DESIGN section 5)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from guarita.rotation.errors import NotYetError, RolloutFailedError
from guarita.rotation.kube.names import ROLLOUT
from guarita.rotation.kube.obstacles import EXCEEDED
from guarita.rotation.kube.workloads import DAEMONSET, DEPLOYMENT, STATEFULSET, Workload, condition

_SPARE: Final = 30.0
"""Seconds beyond a deadline that a controller may take to say so."""
_DEADLINE: Final = 600
"""Seconds for each pod, as a Deployment has by itself."""
_POLL: Final = 1.0


def status_gate(workload: Workload, now: float) -> Mapping[str, Any]:
    """Facts of a status that says that a rollout is over, before pods are looked at.

    Raises NotYetError, RolloutFailedError. `now` is by the server's clock.
    """
    generation = int(workload.object["metadata"].get("generation") or 0)
    observed = int(workload.status.get("observedGeneration") or 0)
    if observed < generation:
        _stuck(workload, now)
        raise _not_yet(workload, f"its controller has seen generation {observed} of {generation}")
    _failed(workload, now)
    counts = _COUNTS[workload.kind.name](workload)
    wanted = counts["replicas"]
    for value in counts.values():
        if value != wanted:
            _stuck(workload, now)
            raise _not_yet(workload, ", ".join(f"{counts[n]} {n}" for n in counts))
    if workload.status.get("currentRevision") != workload.status.get("updateRevision"):
        raise _not_yet(workload, "its controller has not yet closed the update")
    ending = workload.status.get("terminatingReplicas")
    if ending:
        raise _not_yet(workload, f"{ending} of its old pods are still ending")
    return {"generation": generation, **counts, "terminating": ending}


def _deployment(workload: Workload) -> Mapping[str, int]:
    status = workload.status
    return {
        "replicas": int(workload.spec.get("replicas", 1)),
        "existing": int(status.get("replicas") or 0),
        "updated": int(status.get("updatedReplicas") or 0),
        "available": int(status.get("availableReplicas") or 0),
    }


def _statefulset(workload: Workload) -> Mapping[str, int]:
    status = workload.status
    return {
        "replicas": int(workload.spec.get("replicas", 1)),
        "existing": int(status.get("replicas") or 0),
        "updated": int(status.get("updatedReplicas") or 0),
        "ready": int(status.get("readyReplicas") or 0),
        "available": int(status.get("availableReplicas") or 0),
    }


def _daemonset(workload: Workload) -> Mapping[str, int]:
    status = workload.status
    return {
        "replicas": int(status.get("desiredNumberScheduled") or 0),
        "existing": int(status.get("currentNumberScheduled") or 0),
        "updated": int(status.get("updatedNumberScheduled") or 0),
        "available": int(status.get("numberAvailable") or 0),
    }


_COUNTS: Final = {DEPLOYMENT.name: _deployment, STATEFULSET.name: _statefulset, DAEMONSET.name: _daemonset}


def _failed(workload: Workload, now: float) -> None:
    """A rollout that its controller has given up.

    The condition outlives the rollout that it was about: what was there when the template was pointed is not this
    one's failure.
    """
    progressing = condition(workload.object, "Progressing")
    if progressing.get("reason") == EXCEEDED:
        if progressing.get("lastUpdateTime") != rollout(workload).get("known", ""):
            raise RolloutFailedError(
                "kube.deadline",
                f"{workload}: {EXCEEDED}: {_why(workload)}",
                hint=f"kubectl -n {workload.namespace} describe {workload.kind.name.lower()} {workload.name}",
            )
        _stuck(workload, now)


def _stuck(workload: Workload, now: float) -> None:
    """A rollout that takes longer than its deadline for every pod, without its controller saying so.

    StatefulSets and DaemonSets have no deadline of their own; a condition that a rollout inherited is not renewed.
    """
    since = rollout(workload).get("since")
    deadline = workload.spec.get("progressDeadlineSeconds", _DEADLINE)
    if not isinstance(since, int | float) or deadline is None:
        return
    pods = max(1, int(workload.spec.get("replicas") or workload.status.get("desiredNumberScheduled") or 1))
    if now > since + float(deadline) * pods + _SPARE:
        raise RolloutFailedError(
            "kube.deadline", f"{workload}: has not converged in {now - since:.0f} seconds: {_why(workload)}"
        )


def rollout(workload: Workload) -> Mapping[str, Any]:
    """What was noted when the template was pointed: `since`, by the server's clock, and the failure `known` then."""
    try:
        found = json.loads(workload.annotations.get(ROLLOUT, "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def note(workload: Workload, now: float) -> str:
    """What `rollout` will read."""
    progressing = condition(workload.object, "Progressing")
    known = progressing.get("lastUpdateTime", "") if progressing.get("reason") == EXCEEDED else ""
    return json.dumps({"since": int(now), "known": known})


def _why(workload: Workload) -> str:
    failure = condition(workload.object, "ReplicaFailure")
    if failure.get("status") == "True":
        quota = "quota" in str(failure.get("message"))
        return (
            "a ResourceQuota leaves no room for its pods"
            if quota
            else f"pods cannot be made ({failure.get('reason')})"
        )
    counts = _COUNTS[workload.kind.name](workload)
    return ", ".join(f"{value} {name}" for name, value in counts.items())


def _not_yet(workload: Workload, why: str) -> NotYetError:
    return NotYetError("kube.rolling", f"{workload}: {why}", delay=_POLL)


def broken(pods: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    """What keeps pods from becoming ready, in the kubelet's words: `api-0: CrashLoopBackOff`."""
    found = []
    for pod in pods:
        status = pod.get("status") or {}
        for one in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
            reason = ((one.get("state") or {}).get("waiting") or {}).get("reason")
            if reason and reason not in {"ContainerCreating", "PodInitializing"}:
                found.append(f"{pod['metadata']['name']}: {reason}")
    return found
