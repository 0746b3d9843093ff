"""Deployments, after kube-controller-manager's deployment controller: revisions, rolling updates, progress."""

import copy

from kubeapi.api import seconds_of
from kubeapi.resources import DEPLOYMENTS, REPLICASETS

from . import shared

REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"
NO_DEADLINE = 2**31 - 1


class Pass:
    """One reconciliation of one Deployment."""

    def __init__(self, controllers, deployment):
        self.controllers, self.api, self.d = controllers, controllers.api, deployment
        self.now = self.api.clock()
        self.namespace, self.name = deployment["metadata"]["namespace"], deployment["metadata"]["name"]
        self.spec = deployment["spec"]
        self.status = copy.deepcopy(deployment.get("status") or {})
        self.sets = [
            stored.copy()
            for stored in controllers.store.owned_by(REPLICASETS.key, deployment["metadata"]["uid"])
        ]
        self.sets.sort(key=lambda rs: (rs["metadata"]["creationTimestamp"], rs["metadata"]["name"]))
        self.new = next((rs for rs in self.sets if _template(rs) == self.wanted()), None)

    def wanted(self):
        return _bare_template(self.spec["template"])

    @property
    def old(self):
        return [rs for rs in self.sets if rs is not self.new]

    @property
    def deadline(self):
        seconds = self.spec.get("progressDeadlineSeconds")
        return seconds if seconds not in {None, NO_DEADLINE} else None

    def run(self):
        if self.d["metadata"].get("deletionTimestamp"):
            return self.sync_status()
        self.check_paused()
        if self.spec.get("paused"):
            self.scale_proportionally()
            return self.sync_status()
        if self.scaling():
            self.sync_revision(create=False)
            self.scale_proportionally()
            return self.sync_status()
        if self.spec["strategy"]["type"] == "Recreate":
            return self.recreate()
        return self.roll()

    # Revisions

    def sync_revision(self, *, create):
        latest = max(
            (int(rs["metadata"].get("annotations", {}).get(REVISION, 0)) for rs in self.old), default=0
        )
        revision = str(latest + 1)
        if self.new is not None:
            notes = self.new["metadata"].setdefault("annotations", {})
            if int(notes.get(REVISION, 0)) < int(revision):
                notes[REVISION] = revision
                self._save(self.new)
            if self.deadline and shared.condition(self.status, "Progressing") is None:
                self._progressing("True", "FoundNewReplicaSet")
        elif create:
            collisions = self.status.get("collisionCount", 0)
            name = shared.digest(self.wanted(), collisions)
            template = copy.deepcopy(self.spec["template"])
            template["metadata"].setdefault("labels", {})[HASH] = name
            selector = copy.deepcopy(self.spec["selector"])
            selector.setdefault("matchLabels", {})[HASH] = name
            notes = {
                k: v
                for k, v in (self.d["metadata"].get("annotations") or {}).items()
                if "last-applied" not in k
            }
            content = {
                "metadata": {
                    "name": f"{self.name}-{name}",
                    "labels": template["metadata"]["labels"],
                    "annotations": {**notes, REVISION: revision},
                    "ownerReferences": [shared.owner_reference(self.d)],
                },
                "spec": {
                    "replicas": self.new_replicas(0),
                    "minReadySeconds": self.spec.get("minReadySeconds", 0),
                    "selector": selector,
                    "template": template,
                },
            }
            self.new = copy.deepcopy(self.api.create(REPLICASETS, self.namespace, content))
            self.sets.append(self.new)
            if self.deadline:
                self._progressing("True", "NewReplicaSetCreated")
        mine = self.d["metadata"].get("annotations") or {}
        if self.new is not None and mine.get(REVISION) != (
            reached := self.new["metadata"]["annotations"][REVISION]
        ):
            # By the status, as the real controller does, so that the generation stays.
            content = self.controllers.store.get(DEPLOYMENTS.key, (self.namespace, self.name)).copy()
            content["metadata"].setdefault("annotations", {})[REVISION] = reached
            self.d = copy.deepcopy(
                self.api.update(DEPLOYMENTS, self.namespace, self.name, content, subresource="status")
            )

    def _save(self, rs):
        saved = self.api.update(REPLICASETS, self.namespace, rs["metadata"]["name"], rs)
        rs.clear()
        rs.update(copy.deepcopy(saved))

    def _scale(self, rs, replicas):
        if rs["spec"]["replicas"] != replicas:
            rs["spec"]["replicas"] = replicas
            self._save(rs)
            return True
        return False

    def _progressing(self, status, reason, *, fresh=False):
        shared.set_condition(
            self.status,
            {"type": "Progressing", "status": status, "reason": reason, "message": reason},
            self.now,
            fresh=fresh,
        )

    def check_paused(self):
        if not self.deadline:
            return
        current = shared.condition(self.status, "Progressing")
        if current and current["reason"] == "ProgressDeadlineExceeded":
            return
        held = current is not None and current["reason"] == "DeploymentPaused"
        if self.spec.get("paused") and not held:
            self._progressing("Unknown", "DeploymentPaused")
        elif not self.spec.get("paused") and held:
            self._progressing("Unknown", "DeploymentResumed")

    # Counting

    def surge_and_unavailable(self):
        replicas = self.spec["replicas"]
        if self.spec["strategy"]["type"] != "RollingUpdate":
            return 0, 0
        rolling = self.spec["strategy"]["rollingUpdate"]
        surge = shared.resolve(rolling["maxSurge"], replicas, up=True)
        unavailable = shared.resolve(rolling["maxUnavailable"], replicas, up=False)
        return surge, unavailable if surge or unavailable else 1

    def new_replicas(self, there):
        if self.spec["strategy"]["type"] != "RollingUpdate":
            return self.spec["replicas"]
        surge, _ = self.surge_and_unavailable()
        room = self.spec["replicas"] + surge - sum(rs["spec"]["replicas"] for rs in self.sets)
        return there + max(0, min(room, self.spec["replicas"] - there))

    def scaling(self):
        """Whether only the number of replicas was changed, as the annotation on the sets remembers it."""
        noted = [
            int(rs["metadata"].get("annotations", {}).get("deployment.kubernetes.io/desired-replicas", -1))
            for rs in self.sets
            if rs["spec"]["replicas"]
        ]
        return any(n not in {-1, self.spec["replicas"]} for n in noted)

    def scale_proportionally(self):
        live = [rs for rs in self.sets if rs["spec"]["replicas"]]
        if len(live) <= 1 or self.new is None:
            target = live[0] if live else self.new
            if target is not None:
                self._scale(target, self.spec["replicas"])
        elif self.complete(self.new):
            for rs in self.old:
                self._scale(rs, 0)
        self.note_desired()

    def note_desired(self):
        for rs in self.sets:
            notes = rs["metadata"].setdefault("annotations", {})
            wanted = str(self.spec["replicas"])
            if rs["spec"]["replicas"] and notes.get("deployment.kubernetes.io/desired-replicas") != wanted:
                notes["deployment.kubernetes.io/desired-replicas"] = wanted
                self._save(rs)

    def complete(self, rs):
        return (
            (rs.get("status") or {}).get("availableReplicas", 0)
            == self.spec["replicas"]
            == rs["spec"]["replicas"]
        )

    # Strategies

    def recreate(self):
        self.sync_revision(create=False)
        scaled = [self._scale(rs, 0) for rs in self.old]
        if any(scaled):
            return self.sync_rollout()
        for rs in self.old:
            # Also those that are still terminating: none of them may run beside a new one.
            if any(not shared.finished(pod) for pod in self.controllers.pods_of(rs)):
                return self.sync_rollout()
        if self.new is None:
            self.sync_revision(create=True)
        self._scale(self.new, self.spec["replicas"])
        self.note_desired()
        return self.sync_rollout()

    def roll(self):
        self.sync_revision(create=True)
        self.note_desired()
        target = self.new["spec"]["replicas"]
        wanted = self.spec["replicas"] if target > self.spec["replicas"] else self.new_replicas(target)
        if self._scale(self.new, wanted) or self.scale_down_old():
            self.note_desired()
        self.sync_rollout()
        if self._done(self.status):
            self.clean_up()

    def scale_down_old(self):
        old = [rs for rs in self.old if rs["spec"]["replicas"]]
        if not old:
            return False
        _, unavailable = self.surge_and_unavailable()
        total = sum(rs["spec"]["replicas"] for rs in self.sets)
        least = self.spec["replicas"] - unavailable
        not_there = self.new["spec"]["replicas"] - (self.new.get("status") or {}).get("availableReplicas", 0)
        room = total - least - not_there
        if room <= 0:
            return False
        changed = False
        for rs in old:  # unhealthy ones first
            useless = rs["spec"]["replicas"] - (rs.get("status") or {}).get("availableReplicas", 0)
            step = min(room, useless)
            if step > 0:
                changed |= self._scale(rs, rs["spec"]["replicas"] - step)
                room -= step
        usable = sum((rs.get("status") or {}).get("availableReplicas", 0) for rs in self.sets)
        room = usable - least
        for rs in old:
            step = min(room, rs["spec"]["replicas"])
            if step > 0:
                changed |= self._scale(rs, rs["spec"]["replicas"] - step)
                room -= step
        return changed

    def clean_up(self):
        kept = self.spec.get("revisionHistoryLimit", 10)
        idle = [
            rs
            for rs in self.old
            if not rs["spec"]["replicas"] and not (rs.get("status") or {}).get("replicas")
        ]
        idle.sort(key=lambda rs: int(rs["metadata"].get("annotations", {}).get(REVISION, 0)))
        for rs in idle[: max(0, len(idle) - kept)]:
            self.api.delete(REPLICASETS, self.namespace, rs["metadata"]["name"])

    # Status

    def _status(self):
        def total(field, sets=None):
            return sum((rs.get("status") or {}).get(field, 0) for rs in (self.sets if sets is None else sets))

        replicas = self.spec["replicas"]
        usable = total("availableReplicas")
        status = {
            "observedGeneration": self.d["metadata"]["generation"],
            "replicas": total("replicas"),
            "updatedReplicas": total("replicas", [self.new] if self.new else []),
            "readyReplicas": total("readyReplicas"),
            "availableReplicas": usable,
            "unavailableReplicas": max(0, sum(rs["spec"]["replicas"] for rs in self.sets) - usable),
        }
        status = {name: value for name, value in status.items() if value}
        if self.controllers.terminating_field:
            status["terminatingReplicas"] = total("terminatingReplicas")
        if "collisionCount" in self.status:
            status["collisionCount"] = self.status["collisionCount"]
        status["conditions"] = list(self.status.get("conditions") or [])
        _, unavailable = self.surge_and_unavailable()
        enough = usable >= replicas - unavailable
        shared.set_condition(
            status,
            {
                "type": "Available",
                "status": "True" if enough else "False",
                "reason": "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
                "message": "Deployment has minimum availability."
                if enough
                else "Deployment does not have minimum availability.",
            },
            self.now,
        )
        return status

    def sync_status(self):
        self._write(self._status())

    def _done(self, status):
        replicas = self.spec["replicas"]
        return (
            status.get("updatedReplicas", 0) == replicas
            and status.get("replicas", 0) == replicas
            and status.get("availableReplicas", 0) == replicas
            and status.get("observedGeneration", 0) >= self.d["metadata"]["generation"]
        )

    def sync_rollout(self):
        before = self.d.get("status") or {}
        status = self._status()
        if not self.deadline:
            shared.drop_condition(status, "Progressing")
        current = shared.condition(status, "Progressing")
        over = (
            status.get("replicas", 0) == status.get("updatedReplicas", 0)
            and current is not None
            and current["reason"] == "NewReplicaSetAvailable"
        )
        if self.deadline and not over:
            self.status = status
            if self._done(status):
                self._progressing("True", "NewReplicaSetAvailable")
            elif _progress(before, status):
                self._progressing("True", "ReplicaSetUpdated", fresh=True)
            elif self._timed_out(current):
                self._progressing("False", "ProgressDeadlineExceeded")
            status = self.status
        failure = next(
            (
                found
                for rs in [*filter(None, [self.new]), *self.old]
                if (found := shared.condition(rs.get("status") or {}, "ReplicaFailure"))
            ),
            None,
        )
        if failure:
            kept = {name: failure[name] for name in ("type", "status", "reason", "message")}
            shared.set_condition(status, kept, self.now)
        else:
            shared.drop_condition(status, "ReplicaFailure")
        self._write(status)
        if self.deadline and not self._done(status):
            self.controllers.again(DEPLOYMENTS.key, (self.namespace, self.name), 0.25)

    def _timed_out(self, current):
        if current is None or current["reason"] == "NewReplicaSetAvailable":
            return False
        if current["reason"] == "ProgressDeadlineExceeded":
            return True
        return seconds_of(current["lastUpdateTime"]) + self.deadline < self.now

    def _write(self, status):
        self.status = status
        self.controllers.set_status(DEPLOYMENTS, self.d, status)


def _progress(before, now):
    def number(status, name):
        return status.get(name, 0)

    old_before = number(before, "replicas") - number(before, "updatedReplicas")
    old_now = number(now, "replicas") - number(now, "updatedReplicas")
    return (
        number(now, "updatedReplicas") > number(before, "updatedReplicas")
        or old_now < old_before
        or number(now, "readyReplicas") > number(before, "readyReplicas")
        or number(now, "availableReplicas") > number(before, "availableReplicas")
    )


def _bare_template(template):
    bare = copy.deepcopy(template)
    (bare["metadata"].get("labels") or {}).pop(HASH, None)
    for name in ("labels", "annotations"):
        if not bare["metadata"].get(name):
            bare["metadata"].pop(name, None)
    return bare


def _template(rs):
    return _bare_template(rs["spec"]["template"])


def reconcile(controllers, deployment):
    Pass(controllers, deployment).run()
