"""The kinds that the server knows: their names, subresources, and the merge keys of their lists."""

from dataclasses import dataclass, field

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")

# Merge keys of strategic merge patches, after the `patchMergeKey` tags of k8s.io/api. A list that is not named here is
# atomic; SET is a list of primitives that merges.
SET = "SET"
META = {"finalizers": SET, "ownerReferences": ("uid", {})}
CONDITIONS = ("type", {})
CONTAINER = {
    "env": ("name", {}),
    "ports": ("containerPort", {}),
    "volumeMounts": ("mountPath", {}),
    "volumeDevices": ("devicePath", {}),
}
POD_SPEC = {
    "containers": ("name", CONTAINER),
    "initContainers": ("name", CONTAINER),
    "ephemeralContainers": ("name", CONTAINER),
    "volumes": ("name", {}),
    "imagePullSecrets": ("name", {}),
    "hostAliases": ("ip", {}),
    "topologySpreadConstraints": ("topologyKey", {}),
    "schedulingGates": ("name", {}),
    "resourceClaims": ("name", {}),
}
TEMPLATE = {"metadata": META, "spec": POD_SPEC}
WORKLOAD = {"metadata": META, "spec": {"template": TEMPLATE}, "status": {"conditions": CONDITIONS}}
PLAIN = {"metadata": META}


@dataclass(frozen=True)
class Resource:
    """One kind of object and how it is reached."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    subresources: tuple = ()
    merge: dict = field(default_factory=lambda: PLAIN, hash=False, compare=False)
    unconditional: bool = True
    """An update needs no resourceVersion."""
    custom: bool = False
    creatable_only: bool = False
    """Nothing is stored: a review."""

    @property
    def api_version(self):
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self):
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def key(self):
        return (self.group, self.plural)

    def details(self, name, kind=None):
        found = {"kind": kind or self.plural}
        if name:
            found["name"] = name
        if self.group:
            found["group"] = self.group
        return found


def _core(plural, kind, **more):
    return Resource("", "v1", plural, kind, **more)


def _apps(plural, kind, *, merge=WORKLOAD, subresources=("status", "scale")):
    return Resource("apps", "v1", plural, kind, merge=merge, subresources=subresources)


def _rbac(plural, kind, *, namespaced):
    return Resource("rbac.authorization.k8s.io", "v1", plural, kind, namespaced=namespaced)


def _review(group, plural, kind, *, namespaced=False):
    return Resource(group, "v1", plural, kind, namespaced=namespaced, creatable_only=True)


BUILT_IN = (
    _core("namespaces", "Namespace", namespaced=False, subresources=("status", "finalize")),
    _core(
        "nodes", "Node", namespaced=False, subresources=("status",),
        merge={"metadata": META, "status": {"conditions": CONDITIONS, "addresses": ("type", {})}},
    ),
    _core(
        "pods", "Pod", subresources=("status", "eviction", "binding", "ephemeralcontainers"),
        merge={
            "metadata": META, "spec": POD_SPEC,
            "status": {"conditions": CONDITIONS, "podIPs": ("ip", {}), "hostIPs": ("ip", {})},
        },
    ),
    _core("secrets", "Secret"),
    _core("configmaps", "ConfigMap"),
    _core(
        "serviceaccounts", "ServiceAccount", subresources=("token",),
        merge={"metadata": META, "secrets": ("name", {})},
    ),
    _core(
        "services", "Service", subresources=("status",),
        merge={"metadata": META, "spec": {"ports": ("port", {})}, "status": {"conditions": CONDITIONS}},
    ),
    _core("endpoints", "Endpoints"),
    _core("events", "Event"),
    _core("resourcequotas", "ResourceQuota", subresources=("status",)),
    _core("limitranges", "LimitRange"),
    _core("persistentvolumeclaims", "PersistentVolumeClaim", subresources=("status",)),
    _apps("deployments", "Deployment"),
    _apps("replicasets", "ReplicaSet"),
    _apps("statefulsets", "StatefulSet"),
    _apps("daemonsets", "DaemonSet", subresources=("status",)),
    _apps("controllerrevisions", "ControllerRevision", merge=PLAIN, subresources=()),
    Resource("batch", "v1", "jobs", "Job", subresources=("status",), merge=WORKLOAD),
    Resource(
        "batch", "v1", "cronjobs", "CronJob", subresources=("status",),
        merge={"metadata": META, "spec": {"jobTemplate": {"metadata": META, "spec": {"template": TEMPLATE}}}},
    ),
    Resource(
        "autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", subresources=("status",),
        merge={"metadata": META, "status": {"conditions": CONDITIONS}},
    ),
    Resource(
        "policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", subresources=("status",),
        merge={"metadata": META, "status": {"conditions": CONDITIONS}}, unconditional=False,
    ),
    Resource("coordination.k8s.io", "v1", "leases", "Lease", unconditional=False),
    Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"),
    Resource("networking.k8s.io", "v1", "ingresses", "Ingress", subresources=("status",)),
    _rbac("roles", "Role", namespaced=True),
    _rbac("rolebindings", "RoleBinding", namespaced=True),
    _rbac("clusterroles", "ClusterRole", namespaced=False),
    _rbac("clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    Resource(
        "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition",
        namespaced=False, subresources=("status",),
    ),
    _review("authentication.k8s.io", "tokenreviews", "TokenReview"),
    _review("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview"),
    _review("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview"),
    _review("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    _review("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
)  # fmt: skip

BY_KEY = {resource.key: resource for resource in BUILT_IN}
BY_KIND = {(resource.group, resource.kind): resource for resource in BUILT_IN}

PODS, SECRETS, NAMESPACES = BY_KEY["", "pods"], BY_KEY["", "secrets"], BY_KEY["", "namespaces"]
DEPLOYMENTS, REPLICASETS = BY_KEY["apps", "deployments"], BY_KEY["apps", "replicasets"]
STATEFULSETS, DAEMONSETS = BY_KEY["apps", "statefulsets"], BY_KEY["apps", "daemonsets"]
REVISIONS, JOBS, NODES = BY_KEY["apps", "controllerrevisions"], BY_KEY["batch", "jobs"], BY_KEY["", "nodes"]
QUOTAS, ACCOUNTS = BY_KEY["", "resourcequotas"], BY_KEY["", "serviceaccounts"]
BUDGETS = BY_KEY["policy", "poddisruptionbudgets"]
CRDS = BY_KEY["apiextensions.k8s.io", "customresourcedefinitions"]
