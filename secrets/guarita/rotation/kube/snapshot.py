"""What stands in one namespace, listed when it is first asked for and kept for a moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from guarita.rotation.interface import Delivery
from guarita.rotation.kube.api import Api, Object
from guarita.rotation.kube.names import DELIVERY, PLAIN, ROTATION, delivery_label
from guarita.rotation.kube.workloads import (
    ACCOUNT,
    CRONJOB,
    DAEMONSET,
    DEPLOYMENT,
    JOB,
    POD,
    REPLICASET,
    SECRET,
    STATEFULSET,
    Kind,
    Versions,
    Workload,
)

LISTED = (DEPLOYMENT, STATEFULSET, DAEMONSET, REPLICASET, CRONJOB, JOB, POD)


class Snapshot:
    """The objects of a namespace. Each kind is listed once."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api, self.namespace = api, namespace
        self._listed: dict[str, Sequence[Object]] = {}

    def all(self, kind: Kind) -> Sequence[Workload]:
        """Every object of a kind."""
        if kind.name not in self._listed:
            path = kind.collection(self.namespace)
            self._listed[kind.name] = self._api.list(path, metadata_only=kind is SECRET)
        return [Workload(kind, one) for one in self._listed[kind.name]]

    def accounts(self) -> Mapping[str, Object]:
        """ServiceAccounts that name pull secrets, by name."""
        return {one.name: one.object for one in self.all(ACCOUNT) if one.object.get("imagePullSecrets")}

    def secret(self, name: str) -> Object | None:
        """The metadata of a Secret, if there is one of this name."""
        return next((one.object for one in self.all(SECRET) if one.name == name), None)

    def versions_there(self, delivery: Delivery) -> Mapping[str, Object]:
        """The metadata of every version of ours, by rotation."""
        found = {}
        for one in self.all(SECRET):
            labels = one.object["metadata"].get("labels") or {}
            notes = one.annotations
            if labels.get(DELIVERY) == delivery_label(delivery) and notes.get(PLAIN) == delivery.name:
                rotation = notes.get(ROTATION)
                if rotation and one.name == f"{delivery.name}-{rotation}":
                    found[rotation] = one.object
        return found

    def versions(self, delivery: Delivery) -> Versions:
        """The names of a delivery's Secret."""
        return Versions(delivery, frozenset(self.versions_there(delivery)))

    def account_of(self, template: Object) -> Object | None:
        """The ServiceAccount of a pod template, if it names pull secrets."""
        name = (template.get("spec") or {}).get("serviceAccountName") or "default"
        return self.accounts().get(name)
