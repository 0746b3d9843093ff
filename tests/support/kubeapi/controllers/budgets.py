"""PodDisruptionBudgets: how many pods may be evicted now."""

from kubeapi.names import selects
from kubeapi.resources import BUDGETS, PODS

from . import shared


def reconcile(controllers, budget):
    spec, metadata = budget.get("spec") or {}, budget["metadata"]
    pods = [
        stored.object
        for stored in controllers.store.all(PODS.key, metadata["namespace"])
        if selects(spec.get("selector"), stored.object["metadata"].get("labels") or {})
        and not shared.finished(stored.object)
    ]
    healthy = sum(shared.ready_since(pod) is not None and not shared.terminating(pod) for pod in pods)
    total = len([pod for pod in pods if not shared.terminating(pod)])
    if spec.get("maxUnavailable") is not None:
        desired = max(0, total - shared.resolve(spec["maxUnavailable"], total, up=True))
    else:
        desired = shared.resolve(spec.get("minAvailable", 1), total, up=True)
    status = {
        "observedGeneration": metadata["generation"],
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "expectedPods": total,
        "disruptionsAllowed": max(0, healthy - desired),
    }
    controllers.set_status(BUDGETS, budget, status)
