"""StatefulSets: pods by ordinal, one after another, from revisions of the template; partitions and OnDelete."""

import copy
import json

from kubeapi.resources import PODS, REVISIONS, STATEFULSETS

from . import shared

LABEL = "controller-revision-hash"


def _revisions(controllers, content):
    """The revision of the template now, and all others; made if it is not there yet."""
    api, metadata = controllers.api, content["metadata"]
    mine = sorted(
        (stored.copy() for stored in controllers.store.owned_by(REVISIONS.key, metadata["uid"])),
        key=lambda revision: revision["revision"],
    )
    template = json.loads(json.dumps(content["spec"]["template"]))
    last = mine[-1]["revision"] if mine else 0
    for revision in mine:
        if revision["data"]["spec"]["template"] == template:
            if revision["revision"] != last:  # pointed back: an old one becomes the newest
                revision["revision"] = last + 1
                api.update(REVISIONS, metadata["namespace"], revision["metadata"]["name"], revision)
            return revision, mine
    name = f"{metadata['name']}-{shared.digest(template)}"
    made = api.create(
        REVISIONS,
        metadata["namespace"],
        {
            "metadata": {
                "name": name,
                "labels": {**(template["metadata"].get("labels") or {}), LABEL: name},
                "ownerReferences": [shared.owner_reference(content)],
            },
            "data": {"spec": {"template": template}},
            "revision": last + 1,
        },
    )
    return copy.deepcopy(made), [*mine, made]


def _ordinal(pod):
    return int(pod["metadata"]["name"].rpartition("-")[2])


class Pass:
    def __init__(self, controllers, content):
        self.controllers, self.api, self.content = controllers, controllers.api, content
        self.spec, self.metadata = content["spec"], content["metadata"]
        self.before = content.get("status") or {}
        self.now = self.api.clock()
        self.ordered = self.spec["podManagementPolicy"] == "OrderedReady"
        strategy = self.spec["updateStrategy"]
        self.rolling = strategy["type"] == "RollingUpdate"
        self.partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
        self.update, revisions = _revisions(controllers, content)
        names = {revision["metadata"]["name"]: revision for revision in revisions}
        self.current = names.get(self.before.get("currentRevision"), self.update)
        self.pods = {_ordinal(pod): pod for pod in controllers.pods_of(content)}

    def run(self):
        if not self.metadata.get("deletionTimestamp"):
            self.work()
        self.write_status()

    def healthy(self, pod):
        return shared.ready_since(pod) is not None and not shared.terminating(pod)

    def work(self):
        """One pass over the ordinals; it ends at the first pod that has to be waited for."""
        replicas = self.spec["replicas"]
        for ordinal in range(replicas):
            pod = self.pods.get(ordinal)
            if pod is None:
                self.pods[ordinal] = self.create(ordinal)
                if self.ordered:
                    return
            elif shared.finished(pod) and not shared.terminating(pod):
                self.delete(pod)
                if self.ordered:
                    return
            elif self.ordered and not (
                self.healthy(pod) and shared.available(pod, self.spec.get("minReadySeconds", 0), self.now)
            ):
                # Also a pod of a broken revision that the template has left: only deleting it by hand goes on.
                return
        for ordinal in sorted((n for n in self.pods if n >= replicas), reverse=True):
            if not shared.terminating(self.pods[ordinal]):
                self.delete(self.pods[ordinal])
            if self.ordered:
                return
        if not self.rolling:
            return
        for ordinal in range(replicas - 1, self.partition - 1, -1):
            pod = self.pods[ordinal]
            if pod["metadata"]["labels"].get(LABEL) != self.update["metadata"][
                "name"
            ] and not shared.terminating(pod):
                self.delete(pod)
                return
            if not self.healthy(pod):
                return

    def create(self, ordinal):
        # What a rolling update has not reached yet comes again from the new template all the same.
        old = self.rolling and ordinal < self.partition
        revision = self.current if old else self.update
        name = f"{self.metadata['name']}-{ordinal}"
        pod = shared.pod_from(
            revision["data"]["spec"]["template"], self.content, name=name,
            labels={LABEL: revision["metadata"]["name"], "statefulset.kubernetes.io/pod-name": name,
                    "apps.kubernetes.io/pod-index": str(ordinal)},
        )  # fmt: skip
        pod["spec"]["hostname"] = name
        return copy.deepcopy(self.api.create(PODS, self.metadata["namespace"], pod))

    def delete(self, pod):
        self.api.delete(PODS, self.metadata["namespace"], pod["metadata"]["name"])

    def write_status(self):
        pods = [pod for pod in self.controllers.pods_of(self.content) if not shared.finished(pod)]
        minimum = self.spec.get("minReadySeconds", 0)
        newest, current = self.update["metadata"]["name"], self.current["metadata"]["name"]
        alive = [pod for pod in pods if not shared.terminating(pod)]
        ready = [pod for pod in pods if shared.ready_since(pod) is not None]
        usable = [pod for pod in ready if shared.available(pod, minimum, self.now)]
        status = {
            "observedGeneration": self.metadata["generation"],
            "replicas": len(pods),
            "readyReplicas": len(ready),
            "availableReplicas": len(usable),
            "currentReplicas": sum(pod["metadata"]["labels"].get(LABEL) == current for pod in alive),
            "updatedReplicas": sum(pod["metadata"]["labels"].get(LABEL) == newest for pod in alive),
            "currentRevision": current,
            "updateRevision": newest,
            "collisionCount": 0,
        }
        if (
            self.rolling
            and status["updatedReplicas"]
            == status["replicas"]
            == status["readyReplicas"]
            == self.spec["replicas"]
        ):
            status["currentRevision"], status["currentReplicas"] = newest, status["updatedReplicas"]
        status = {
            name: value
            for name, value in status.items()
            if value or name in {"replicas", "availableReplicas", "collisionCount"}
        }
        self.controllers.set_status(STATEFULSETS, self.content, status)
        if minimum and len(usable) != len(ready):
            self.controllers.again(STATEFULSETS.key, (self.metadata["namespace"], self.metadata["name"]), 0.2)


def reconcile(controllers, content):
    Pass(controllers, content).run()
