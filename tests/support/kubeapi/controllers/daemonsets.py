"""DaemonSets: a pod for each node, replaced node by node."""

from kubeapi.resources import DAEMONSETS, NODES, PODS

from . import shared
from .statefulsets import LABEL, _revisions


def _node(pod):
    terms = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    return terms[0]["matchFields"][0]["values"][0]


def _make(content, revision, node):
    name = revision["metadata"]["name"].rpartition("-")[2]
    pod = shared.pod_from(
        content["spec"]["template"],
        content,
        generateName=f"{content['metadata']['name']}-",
        labels={LABEL: name},
    )
    pod["spec"]["affinity"] = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
                ]
            }
        }
    }
    return pod


def reconcile(controllers, content):
    api, spec, metadata = controllers.api, content["spec"], content["metadata"]
    now, namespace = api.clock(), metadata["namespace"]
    update, _ = _revisions(controllers, content)
    newest = update["metadata"]["name"].rpartition("-")[2]
    nodes = [stored.object["metadata"]["name"] for stored in controllers.store.all(NODES.key)]
    minimum = spec.get("minReadySeconds", 0)
    by_node = {node: [] for node in nodes}
    for pod in controllers.pods_of(content):
        if shared.finished(pod):
            if not shared.terminating(pod):
                api.delete(PODS, namespace, pod["metadata"]["name"])
        elif _node(pod) in by_node:
            by_node[_node(pod)].append(pod)
        else:
            api.delete(PODS, namespace, pod["metadata"]["name"])
    if not metadata.get("deletionTimestamp"):
        for node, pods in by_node.items():
            if not [pod for pod in pods if not shared.terminating(pod)] and not pods:
                api.create(PODS, namespace, _make(content, update, node))
        if spec["updateStrategy"]["type"] == "RollingUpdate":
            _roll(controllers, content, by_node, newest, now)
    pods = [pod for pods in by_node.values() for pod in pods]
    alive = [pod for pod in pods if not shared.terminating(pod)]
    ready = [pod for pod in alive if shared.ready_since(pod) is not None]
    usable = [pod for pod in ready if shared.available(pod, minimum, now)]
    updated = [pod for pod in alive if pod["metadata"]["labels"].get(LABEL) == newest]
    status = {
        "observedGeneration": metadata["generation"],
        "currentNumberScheduled": sum(bool(pods) for pods in by_node.values()),
        "numberMisscheduled": 0,
        "desiredNumberScheduled": len(nodes),
        "numberReady": len(ready),
        "updatedNumberScheduled": len(updated),
        "numberAvailable": len(usable),
        "numberUnavailable": len(nodes) - len(usable),
    }
    optional = {"updatedNumberScheduled", "numberAvailable", "numberUnavailable"}
    controllers.set_status(
        DAEMONSETS, content, {name: value for name, value in status.items() if value or name not in optional}
    )
    if minimum and len(usable) != len(ready):
        controllers.again(DAEMONSETS.key, (namespace, metadata["name"]), 0.2)


def _roll(controllers, content, by_node, newest, now):
    rolling = content["spec"]["updateStrategy"]["rollingUpdate"]
    allowed = max(shared.resolve(rolling["maxUnavailable"], len(by_node), up=True), 1)
    minimum = content["spec"].get("minReadySeconds", 0)
    down, candidates = 0, []
    for pods in by_node.values():
        alive = [pod for pod in pods if not shared.terminating(pod)]
        if not alive or not shared.available(alive[0], minimum, now):
            down += 1
            if alive and alive[0]["metadata"]["labels"].get(LABEL) != newest:
                candidates.insert(0, (alive[0], 0))
        elif alive[0]["metadata"]["labels"].get(LABEL) != newest:
            candidates.append((alive[0], 1))
    for pod, cost in candidates:
        if down + cost > allowed:
            continue
        down += cost
        controllers.api.delete(PODS, content["metadata"]["namespace"], pod["metadata"]["name"])
