"""The kinds of objects that make pods: where they stand, where their template is, and which version it refers to."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from guarita.rotation.interface import Delivery
from guarita.rotation.kube.api import Object, segment
from guarita.rotation.kube.names import template_annotation, version_name
from guarita.rotation.kube.references import Pointer, Reference, certificates, pull_secrets, references

MIXED: Final = "?"
"""In place of a rotation: a template that refers to several versions, or to one and the plain name."""


@dataclass(frozen=True)
class Kind:
    """One kind of workload."""

    name: str
    root: str
    plural: str
    template: Pointer = ("spec", "template")
    movable: bool = True
    """Whether its template may be changed."""

    def collection(self, namespace: str) -> str:
        """The path of all of them in a namespace."""
        return f"{self.root}/namespaces/{segment(namespace)}/{self.plural}"

    def path(self, namespace: str, name: str) -> str:
        """The path of one."""
        return f"{self.collection(namespace)}/{segment(name)}"


DEPLOYMENT: Final = Kind("Deployment", "/apis/apps/v1", "deployments")
STATEFULSET: Final = Kind("StatefulSet", "/apis/apps/v1", "statefulsets")
DAEMONSET: Final = Kind("DaemonSet", "/apis/apps/v1", "daemonsets")
REPLICASET: Final = Kind("ReplicaSet", "/apis/apps/v1", "replicasets", movable=False)
CRONJOB: Final = Kind("CronJob", "/apis/batch/v1", "cronjobs", ("spec", "jobTemplate", "spec", "template"))
JOB: Final = Kind("Job", "/apis/batch/v1", "jobs", movable=False)
POD: Final = Kind("Pod", "/api/v1", "pods", (), movable=False)
ACCOUNT: Final = Kind("ServiceAccount", "/api/v1", "serviceaccounts", ())
INGRESS: Final = Kind("Ingress", "/apis/networking.k8s.io/v1", "ingresses", ())
SECRET: Final = Kind("Secret", "/api/v1", "secrets", (), movable=False)
REVISION: Final = Kind("ControllerRevision", "/apis/apps/v1", "controllerrevisions", (), movable=False)

ROLLING: Final = (DEPLOYMENT, STATEFULSET, DAEMONSET)
PODLESS: Final = (ACCOUNT, INGRESS)
"""What refers to Secrets and makes no pods: it is pointed at a version, and that is all."""
BY_NAME: Final = {kind.name: kind for kind in (*ROLLING, REPLICASET, CRONJOB, JOB, POD, *PODLESS)}


@dataclass(frozen=True)
class Workload:
    """An object that makes pods, as it was read."""

    kind: Kind
    object: Object

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.object["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Where it is."""
        return str(self.object["metadata"]["namespace"])

    @property
    def uid(self) -> str:
        """What tells it from another of its name."""
        return str(self.object["metadata"]["uid"])

    @property
    def spec(self) -> Object:
        """Its own spec."""
        return dict(self.object.get("spec") or {})

    @property
    def status(self) -> Object:
        """Its status; empty before anybody looked at it."""
        return dict(self.object.get("status") or {})

    @property
    def template(self) -> Object:
        """The template of its pods (of a pod: itself)."""
        found: Any = self.object
        for step in self.kind.template:
            found = (found or {}).get(step)
        return found or {}

    @property
    def annotations(self) -> Mapping[str, str]:
        """Its own annotations."""
        return self.object["metadata"].get("annotations") or {}

    @property
    def path(self) -> str:
        """Where it is reached."""
        return self.kind.path(self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.kind.name} {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Versions:
    """The names under which a delivered Secret is known: the plain one, and one for each rotation."""

    delivery: Delivery
    known: Collection[str]
    """Rotations whose version is there, by the labels of the Secrets."""

    def rotation_of(self, name: str, annotated: str | None) -> tuple[bool, str | None]:
        """Whether a Secret's name is one of this delivery's, and which rotation's (None: the plain one)."""
        if name == self.delivery.name:
            return True, None
        rotation = name.removeprefix(f"{self.delivery.name}-")
        ours = rotation != name and (rotation in self.known or rotation == annotated)
        return ours, rotation if ours else None

    def of_template(self, template: Mapping[str, Any], account: Mapping[str, Any] | None = None) -> Found:
        """What a pod template (or a pod) refers to, by itself and by its service account's pull secrets."""
        metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
        annotated = (metadata.get("annotations") or {}).get(template_annotation(self.delivery))
        found = [
            (reference, rotation)
            for reference in references(spec)
            for ours, rotation in (self.rotation_of(reference.secret, annotated),)
            if ours
        ]
        by_account = []
        if account is not None and not spec.get("imagePullSecrets"):
            by_account = [rotation for _, rotation in self.of_object(Workload(ACCOUNT, dict(account)))]
        return Found(tuple(found), tuple(by_account), annotated)

    def of_object(self, workload: Workload) -> Sequence[tuple[Reference, str | None]]:
        """What an object that makes no pods refers to: a ServiceAccount, an Ingress."""
        annotated = workload.annotations.get(template_annotation(self.delivery))
        found = certificates if workload.kind is INGRESS else pull_secrets
        return [
            (reference, rotation)
            for reference in found(workload.object)
            for ours, rotation in (self.rotation_of(reference.secret, annotated),)
            if ours
        ]

    def name(self, rotation: str | None) -> str:
        """The Secret's name for a rotation."""
        return version_name(self.delivery, rotation)


@dataclass(frozen=True)
class Found:
    """What a template refers to of one delivery."""

    references: tuple[tuple[Reference, str | None], ...]
    by_account: tuple[str | None, ...] = ()
    annotated: str | None = None

    def __bool__(self) -> bool:
        return bool(self.references or self.by_account)

    @property
    def rotation(self) -> str | None:
        """The one rotation that all of it is of (None: the plain name), or MIXED."""
        found: set[str | None] = {rotation for _, rotation in self.references}
        found |= set(self.by_account)
        if self.by_account and self.annotated is not None:
            # Pods have what the account named when they were made: the annotation tells whether that was since.
            found.add(self.annotated)
        return found.pop() if len(found) == 1 else MIXED

    @property
    def uses(self) -> Sequence[str]:
        """How it is used, for a person."""
        found = [reference.use for reference, _ in self.references]
        if self.by_account:
            found.append("imagePullSecrets of its ServiceAccount")
        return tuple(dict.fromkeys(found))


def controller(content: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The owner that manages an object, if one does."""
    for owner in content["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            return dict(owner)
    return None


def finished(content: Mapping[str, Any]) -> bool:
    """Whether a pod has ended by itself, or a Job is over."""
    status = content.get("status") or {}
    if status.get("phase") in {"Succeeded", "Failed"}:
        return True
    return any(
        condition.get("type") in {"Complete", "Failed"} and condition.get("status") == "True"
        for condition in status.get("conditions") or ()
    )


def terminating(content: Mapping[str, Any]) -> bool:
    """Whether an object was asked to go."""
    return bool(content["metadata"].get("deletionTimestamp"))


def condition(content: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """A condition of the status; empty where there is none."""
    found = (content.get("status") or {}).get("conditions") or ()
    return next((one for one in found if one.get("type") == kind), {})


def ready(pod: Mapping[str, Any]) -> bool:
    """Whether a pod takes traffic."""
    return condition(pod, "Ready").get("status") == "True"


def selector_text(workload: Workload) -> str:
    """A workload's selector as a query, as far as it is one of labels; pods are told by their owner all the same."""
    labels = (workload.spec.get("selector") or {}).get("matchLabels") or {}
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))


def owned(objects: Sequence[Object], uids: Collection[str]) -> Iterator[Object]:
    """Those whose controller is one of these."""
    for one in objects:
        owner = controller(one)
        if owner is not None and owner.get("uid") in uids:
            yield one
