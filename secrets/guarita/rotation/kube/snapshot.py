"""What stands in one namespace, listed when it is first asked for and kept for a moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from guarita.rotation.interface import Delivery
from guarita.rotation.kube.api import Api, Object
from guarita.rotation.kube.names import DELIVERY, PLAIN, ROTATION, template_annotation
from guarita.rotation.kube.references import references
from guarita.rotation.kube.rights import Granted, granted
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

LISTED = (DEPLOYMENT, STATEFULSET, DAEMONSET, CRONJOB, JOB, REPLICASET, POD)


class Snapshot:
    """The objects of a namespace. Each kind is listed once, and read once for all deliveries."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api, self.namespace = api, namespace
        self._listed: dict[str, Sequence[Workload]] = {}
        self._by_name: dict[str, Object] | None = None
        self._by_delivery: dict[str, dict[str, Object]] = {}
        self._users: dict[str, dict[int, Workload]] | None = None
        self._pulling: dict[str, Object] | None = None
        self._granted: Granted | None = None
        self._asked = False

    def all(self, kind: Kind) -> Sequence[Workload]:
        """Every object of a kind."""
        if kind.name not in self._listed:
            found = self._api.list(kind.collection(self.namespace), metadata_only=kind is SECRET)
            self._listed[kind.name] = [Workload(kind, one) for one in found]
        return self._listed[kind.name]

    def users(self, versions: Versions) -> Sequence[Workload]:
        """What may refer to a delivery: by one of its names, or by its annotation."""
        if self._users is None:
            self._users = self._read()
        delivery = versions.delivery
        keys = [template_annotation(delivery), delivery.name, *map(versions.name, versions.known)]
        found: dict[int, Workload] = {}
        for key in keys:
            found |= self._users.get(key, {})
        return [found[n] for n in sorted(found)]

    def _read(self) -> dict[str, dict[int, Workload]]:
        """Everything that makes pods by what it refers to, each under its number in the order of kinds."""
        found: dict[str, dict[int, Workload]] = {}
        number = 0
        for kind in LISTED:
            for workload in self.all(kind):
                number += 1
                template = workload.template
                spec = template.get("spec") or {}
                keys = {reference.secret for reference in references(spec)}
                keys |= set((template.get("metadata") or {}).get("annotations") or {})
                if not spec.get("imagePullSecrets") and (account := self.account_of(template)) is not None:
                    keys |= {pull.get("name", "") for pull in account["imagePullSecrets"]}
                for key in keys:
                    found.setdefault(key, {})[number] = workload
        return found

    def accounts(self) -> Mapping[str, Object]:
        """ServiceAccounts that name pull secrets, by name."""
        if self._pulling is None:
            accounts = self.all(ACCOUNT)
            self._pulling = {one.name: one.object for one in accounts if one.object.get("imagePullSecrets")}
        return self._pulling

    def secret(self, name: str) -> Object | None:
        """The metadata of a Secret, if there is one of this name."""
        return self._secrets().get(name)

    def versions_there(self, delivery: Delivery) -> Mapping[str, Object]:
        """The metadata of every version of ours, by rotation."""
        self._secrets()
        return self._by_delivery.get(delivery.name, {})

    def _secrets(self) -> Mapping[str, Object]:
        if self._by_name is None:
            self._by_name = {}
            for one in self.all(SECRET):
                self._by_name[one.name] = one.object
                plain, rotation = one.annotations.get(PLAIN), one.annotations.get(ROTATION)
                ours = DELIVERY in (one.object["metadata"].get("labels") or {})
                if ours and plain and rotation and one.name == f"{plain}-{rotation}":
                    self._by_delivery.setdefault(plain, {})[rotation] = one.object
        return self._by_name

    def rights(self) -> Granted | None:
        """What this account may do here; None where that is not to be had."""
        if not self._asked:
            self._granted, self._asked = granted(self._api, self.namespace), True
        return self._granted

    def versions(self, delivery: Delivery) -> Versions:
        """The names of a delivery's Secret."""
        return Versions(delivery, frozenset(self.versions_there(delivery)))

    def account_of(self, template: Object) -> Object | None:
        """The ServiceAccount of a pod template, if it names pull secrets."""
        name = (template.get("spec") or {}).get("serviceAccountName") or "default"
        return self.accounts().get(name)
