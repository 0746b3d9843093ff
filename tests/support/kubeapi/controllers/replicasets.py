"""ReplicaSets: as many active pods as asked for."""

from kubeapi.errors import Refusal
from kubeapi.resources import PODS, REPLICASETS

from . import shared


def _rank(pod):
    """Whom to delete first: not assigned, pending, not ready, then the youngest."""
    status = pod["status"]
    ready = shared.ready_since(pod)
    return (
        bool(pod["spec"].get("nodeName")),
        status.get("phase") == "Running",
        ready is not None,
        -(ready or 0),
        tuple(-ord(c) for c in pod["metadata"]["creationTimestamp"]),
    )


def reconcile(controllers, rs):
    api, metadata, spec = controllers.api, rs["metadata"], rs["spec"]
    now = api.clock()
    owned = controllers.pods_of(rs)
    active = [pod for pod in owned if shared.active(pod)]
    failure = None
    if not metadata.get("deletionTimestamp"):
        missing = spec["replicas"] - len(active)
        try:
            for _ in range(missing):
                pod = shared.pod_from(spec["template"], rs, generateName=f"{metadata['name']}-")
                active.append(api.create(PODS, metadata["namespace"], pod))
        except Refusal as refusal:
            failure = refusal
        if missing < 0:
            for pod in sorted(active, key=_rank)[:-missing]:
                api.delete(PODS, metadata["namespace"], pod["metadata"]["name"])
                active.remove(pod)
    minimum = spec.get("minReadySeconds", 0)
    labels = (spec["template"].get("metadata") or {}).get("labels") or {}
    # As the real controller: the status counts the pods that were there before this pass created any.
    seen = [pod for pod in owned if shared.active(pod)]
    ready = [pod for pod in seen if shared.ready_since(pod) is not None]
    usable = [pod for pod in ready if shared.available(pod, minimum, now)]
    status = {
        "replicas": len(seen),
        "fullyLabeledReplicas": sum(
            labels.items() <= (pod["metadata"].get("labels") or {}).items() for pod in seen
        ),
        "readyReplicas": len(ready),
        "availableReplicas": len(usable),
        "observedGeneration": metadata["generation"],
    }
    if controllers.terminating_field:
        status["terminatingReplicas"] = sum(
            shared.terminating(pod) and not shared.finished(pod) for pod in owned
        )
    status = {
        name: value for name, value in status.items() if value or name in {"replicas", "terminatingReplicas"}
    }
    if failure:
        status["conditions"] = [
            {
                "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": failure.message,
                "lastTransitionTime": shared.stamp(now),
            }
        ]  # fmt: skip
        previous = shared.condition(rs.get("status") or {}, "ReplicaFailure")
        if previous:
            status["conditions"] = [previous]
    controllers.set_status(REPLICASETS, rs, status)
    place = (metadata["namespace"], metadata["name"])
    if failure:
        controllers.again(REPLICASETS.key, place, 0.3)
    if minimum and len(ready) != len(usable):
        controllers.again(REPLICASETS.key, place, 0.2)
