"""The controllers of workloads, after kube-controller-manager's: one queue of keys, one thread, one reconcile a kind."""

import heapq
import threading
import time
import traceback

from kubeapi.api import controller_of
from kubeapi.errors import Refusal
from kubeapi.resources import (
    BUDGETS,
    DAEMONSETS,
    DEPLOYMENTS,
    JOBS,
    NAMESPACES,
    NODES,
    PODS,
    QUOTAS,
    REPLICASETS,
    STATEFULSETS,
)

from . import budgets, daemonsets, deployments, garbage, jobs, quotas, replicasets, statefulsets

RECONCILERS = {
    DEPLOYMENTS.key: deployments.reconcile,
    REPLICASETS.key: replicasets.reconcile,
    STATEFULSETS.key: statefulsets.reconcile,
    DAEMONSETS.key: daemonsets.reconcile,
    JOBS.key: jobs.reconcile,
    BUDGETS.key: budgets.reconcile,
    NAMESPACES.key: garbage.reconcile_namespace,
    QUOTAS.key: quotas.reconcile,
}
BY_NAME = {
    "Deployment": DEPLOYMENTS.key, "ReplicaSet": REPLICASETS.key, "StatefulSet": STATEFULSETS.key,
    "DaemonSet": DAEMONSETS.key, "Job": JOBS.key,
}  # fmt: skip


class Controllers:
    """Watches the store and brings what is there to what is asked for."""

    def __init__(self, api):
        self.api, self.store = api, api.store
        self.queue, self.due, self.lock = [], {}, threading.Lock()
        self.held, self.lag = False, 0.0
        self.terminating_field = True
        """Whether the feature gate DeploymentReplicaSetTerminatingReplicas is on."""
        self.errors = []
        self.revision = self.store.revision

    def start(self):
        threading.Thread(target=self._run, daemon=True, name="controllers").start()

    def again(self, key, place, seconds=0.0):
        """Reconcile this object so many seconds from now, or earlier."""
        at = time.monotonic() + seconds
        with self.lock:
            if self.due.get((key, place), float("inf")) <= at:
                return
            self.due[key, place] = at
            heapq.heappush(self.queue, (at, key, place))

    def _run(self):
        while True:
            self.store.wait(self.revision, self._idle())
            self._notice()
            if not self.held:
                for key, place in self._ready():
                    self._one(key, place)

    def _idle(self):
        with self.lock:
            if not self.queue or self.held:
                return 0.5
            return min(0.5, max(0.0, self.queue[0][0] - time.monotonic()))

    def _ready(self):
        found = []
        with self.lock:
            while self.queue and self.queue[0][0] <= time.monotonic():
                at, key, place = heapq.heappop(self.queue)
                if self.due.get((key, place)) == at:
                    del self.due[key, place]
                    found.append((key, place))
        return found

    def _notice(self):
        with self.store.lock:
            if self.revision < self.store.compacted:
                changes = []
                everything = [(key, place) for key in RECONCILERS for place in self.store.objects[key]]
            else:
                changes, everything = self.store.since(self.revision), []
            self.revision = self.store.revision
        for key, place in everything:
            self.again(key, place, self.lag)
        for change in changes:
            if change.key in RECONCILERS:
                self.again(change.key, change.place, self.lag)
            owner = controller_of(change.new.object)
            if owner and owner["kind"] in BY_NAME:
                self.again(BY_NAME[owner["kind"]], (change.place[0], owner["name"]), self.lag)
            if change.key == PODS.key:
                for stored in self.store.all(BUDGETS.key, change.place[0]):
                    self.again(BUDGETS.key, (change.place[0], stored.object["metadata"]["name"]))
            if change.key != QUOTAS.key and change.place[0]:
                for stored in self.store.all(QUOTAS.key, change.place[0]):
                    self.again(QUOTAS.key, (change.place[0], stored.object["metadata"]["name"]))
            if change.key == NODES.key:
                for stored in self.store.all(DAEMONSETS.key):
                    metadata = stored.object["metadata"]
                    self.again(DAEMONSETS.key, (metadata["namespace"], metadata["name"]))
            if change.kind == "DELETED" or change.new.object["metadata"].get("deletionTimestamp"):
                garbage.collect(self, change)

    def _one(self, key, place):
        stored = self.store.get(key, place)
        if stored is None:
            return
        try:
            RECONCILERS[key](self, stored.copy())
        except Refusal as refusal:
            # A conflict or a refusal: as the work queue does, later again.
            self.again(key, place, 0.05 if refusal.code == 409 else 0.2)
        except Exception:  # noqa: BLE001  # one broken object must not stop the others; the tests look at `errors`
            self.errors.append(traceback.format_exc())
            traceback.print_exc()

    # What reconcilers share

    def pods_of(self, owner):
        """The pods that an owner controls, as copies."""
        return [stored.copy() for stored in self.store.owned_by(PODS.key, owner["metadata"]["uid"])]

    def set_status(self, resource, content, status):
        if content.get("status") == status:
            return
        stored = self.store.get(resource.key, (content["metadata"]["namespace"], content["metadata"]["name"]))
        if stored is not None and stored.object["metadata"]["uid"] == content["metadata"]["uid"]:
            new = stored.copy()
            new["status"] = status
            self.api.update(
                resource,
                content["metadata"]["namespace"],
                content["metadata"]["name"],
                new,
                subresource="status",
            )
