"""What the tests of rotation in Kubernetes share: manifests, fences, the code under test at a cluster."""

import contextlib
import time
from dataclasses import dataclass

from kubeapi.client import ApiError
from kubeapi.kubelet import Behaviour, CrashError

from guarita.config.rotation import ClusterSection
from guarita.rotation.errors import FencedOutError, NotYetError
from guarita.rotation.interface import Delivery, Fence
from guarita.rotation.kube import KubeCluster, connect
from guarita.rotation.kube.names import version_name


def deployment(namespace, name="web", *, replicas=2, spec=None, annotations=None, **more):
    """A Deployment whose container takes the Secret `db` by a variable, unless `spec` says otherwise."""
    return _workload("Deployment", namespace, name, spec, annotations, replicas=replicas, **more)


def statefulset(namespace, name="store", *, replicas=2, spec=None, **more):
    return _workload("StatefulSet", namespace, name, spec, None, replicas=replicas, serviceName=name, **more)


def daemonset(namespace, name="agent", *, spec=None, **more):
    return _workload("DaemonSet", namespace, name, spec, None, **more)


def ingress(namespace, *, secret="db"):
    """One that serves two hosts, the second by the Secret."""
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    tls = [{"hosts": ["a.example"], "secretName": "other"}, {"hosts": ["b.example"], "secretName": secret}]
    metadata = {"name": "front", "namespace": namespace}
    spec = {"defaultBackend": backend, "tls": tls}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}


def _workload(kind, namespace, name, spec, annotations, **more):
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations or {}},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": spec or pod_spec()},
            **more,
        },
    }


def pod_spec(*, secret="db", image="registry.test/app:1", **more):
    variable = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": secret, "key": "password"}}}
    probe = {"httpGet": {"path": "/ready", "port": 8080}}
    container = {"name": "app", "image": image, "env": [variable], "readinessProbe": probe}
    return {"containers": [container], "terminationGracePeriodSeconds": 3, **more}


def role(namespace, name, rules, account):
    """A Role and its binding to a ServiceAccount."""
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    group = "rbac.authorization.k8s.io"
    metadata = {"name": name, "namespace": namespace}
    return [
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": rules},
        {
            "apiVersion": f"{group}/v1", "kind": "RoleBinding", "metadata": metadata, "subjects": [subject],
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
        },
    ]  # fmt: skip


class Fences:
    """Fencing tokens as the journal gives them; a runner that was overtaken is refused by `hold`."""

    def __init__(self, secret="db"):
        self.secret, self.newest = secret, 0

    def next(self, rotation="r1", *, token=None):
        token = self.newest + 1 if token is None else token
        self.newest = max(self.newest, token)

        def hold():
            if self.newest > token:
                raise FencedOutError(self.secret, "the journal")

        return fence_of(self.secret, rotation, token, hold)


def fence_of(secret, rotation, token, hold=lambda: None):
    fields = {"secret": secret, "rotation": rotation, "token": token, "hold": hold}
    if "step" in Fence.__dataclass_fields__:
        fields["step"] = "deliver"
    return Fence(**fields)


@dataclass
class Setting:
    """A namespace with the code under test at it."""

    server: object
    namespace: str
    cluster: KubeCluster
    delivery: Delivery
    fences: Fences
    folder: object

    @property
    def client(self):
        """The administrator's own."""
        return self.server.client

    def apply(self, *documents):
        return self.server.apply(*documents)

    def grant(self, account, rules):
        """Gives an account a Role of its own; a real server's authorizer hears of it a moment later."""
        self.apply(*role(self.namespace, account, rules, account))
        if self.server.real:
            time.sleep(1)

    def read(self, kind, name):
        return self.client.get(self.path(kind, name))

    def path(self, kind, name=""):
        root = {
            "deployments": "/apis/apps/v1", "statefulsets": "/apis/apps/v1", "daemonsets": "/apis/apps/v1",
            "replicasets": "/apis/apps/v1", "jobs": "/apis/batch/v1", "cronjobs": "/apis/batch/v1",
            "roles": "/apis/rbac.authorization.k8s.io/v1", "rolebindings": "/apis/rbac.authorization.k8s.io/v1",
            "leases": "/apis/coordination.k8s.io/v1", "ingresses": "/apis/networking.k8s.io/v1",
        }.get(kind, "/api/v1")  # fmt: skip
        return f"{root}/namespaces/{self.namespace}/{kind}" + (f"/{name}" if name else "")

    def patch(self, kind, name, body):
        return self.client.patch(self.path(kind, name), body)

    def secret_names(self):
        return sorted(one["metadata"]["name"] for one in self.client.get(self.path("secrets"))["items"])

    def pods(self):
        return self.client.get(self.path("pods"))["items"]

    def another(self, *, token=None, timeout=5.0, namespace=None):
        """A further client of the code under test, with an account of its own."""
        path = self.server.kubeconfig(token, namespace=self.namespace)
        section = ClusterSection(
            kubeconfig=str(path), namespace=namespace or self.namespace, timeout_seconds=timeout
        )
        return KubeCluster(connect("default", section, self.folder), section.namespace)

    def consumer(self, kind="Deployment", name=None):
        self.cluster._forget(self.namespace)
        found = [
            c for c in self.cluster.consumers(self.delivery) if c.kind == kind and name in {None, c.name}
        ]
        assert len(found) == 1, found
        return found[0]

    def settle(self, kind="deployments", name="web", *, seconds=60):
        """Until a workload that was just made runs, by its status alone."""

        def done():
            content = self.read(kind, name)
            status, wanted = content.get("status") or {}, content["spec"].get("replicas")
            if kind == "daemonsets":
                wanted = status.get("desiredNumberScheduled") or -1
                return status.get("numberAvailable") == wanted == status.get("updatedNumberScheduled")
            return (
                status.get("observedGeneration") == content["metadata"]["generation"]
                and (status.get("availableReplicas") or 0) == wanted
                and (status.get("replicas") or 0) == wanted
                and not status.get("terminatingReplicas")
            )

        wait_for(done, seconds=seconds)

    def turn(
        self, rotation, *, kind="Deployment", name=None, value=None, canary=False, fence=None, seconds=60
    ):
        """A whole delivery as the engine does it: store, point, wait at the gate; gives the proof."""
        if rotation is not None:
            value = value or f"value-of-{rotation}"
            self.cluster.store(
                self.delivery, rotation, {"password": value}, fence or self.fences.next(rotation)
            )
        consumer = self.consumer(kind, name)
        if canary:
            patiently(
                lambda: self.cluster.canary(consumer, rotation, fence or self.fences.next(rotation)),
                seconds=seconds,
            )
        self.cluster.point(consumer, rotation, fence or self.fences.next(rotation or "r0"))
        return self.gate(consumer, rotation, seconds=seconds)

    def gate(self, consumer, rotation, *, seconds=60):
        return patiently(lambda: self.cluster.converged(consumer, rotation), seconds=seconds)

    def version(self, rotation):
        return version_name(self.delivery, rotation)


def wait_for(condition, *, seconds=60, pause=0.05):
    """Until it holds; what it gives."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(pause)
    return found


def patiently(call, *, seconds=60, pause=0.05):
    """A call until it is no longer not yet."""
    until = time.monotonic() + seconds
    while True:
        try:
            return call()
        except NotYetError:
            if time.monotonic() > until:
                raise
            time.sleep(pause)


class Slow(Behaviour):
    """Goes on running for a while after it was asked to end."""

    linger = 1.0


class Refusing(Behaviour):
    """Ends at once with an error when its Secret has the word `bad` in it."""

    def start(self):
        if any("bad" in value for value in (*self.running.env.values(), *self.running.files.values())):
            raise CrashError("password authentication failed")


class NeverReady(Behaviour):
    """Runs, and its readiness probe fails, when its Secret has the word `bad` in it."""

    def ready(self):
        return not any("bad" in value for value in self.running.env.values())


def gone(client, path):
    with contextlib.suppress(ApiError):
        client.get(path)
        return False
    return True
