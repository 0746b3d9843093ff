"""What the server does to each kind before it stores it: defaults, what may not change, when the generation rises."""

import base64
import binascii
import copy
import json
import re

from .errors import bad_request, invalid
from .names import metadata_faults, selects

GENERATED = {
    ("apps", "deployments"), ("apps", "replicasets"), ("apps", "statefulsets"), ("apps", "daemonsets"),
    ("batch", "jobs"), ("batch", "cronjobs"), ("policy", "poddisruptionbudgets"), ("", "pods"),
    ("networking.k8s.io", "networkpolicies"), ("networking.k8s.io", "ingresses"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
}  # fmt: skip


def _setdefaults(target, **defaults):
    for name, value in defaults.items():
        if target.get(name) is None:
            target[name] = copy.deepcopy(value)
    return target


def pod_spec_defaults(spec):
    _setdefaults(
        spec, restartPolicy="Always", dnsPolicy="ClusterFirst", terminationGracePeriodSeconds=30,
        securityContext={}, schedulerName="default-scheduler",
    )  # fmt: skip
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for kind in ("containers", "initContainers"):
        for container in spec.get(kind) or []:
            latest = ":" not in container.get("image", "").rpartition("/")[2] or container["image"].endswith(
                ":latest"
            )
            _setdefaults(
                container, resources={}, terminationMessagePath="/dev/termination-log",
                terminationMessagePolicy="File", imagePullPolicy="Always" if latest else "IfNotPresent",
            )  # fmt: skip
            for port in container.get("ports") or []:
                _setdefaults(port, protocol="TCP")
            for name, probe in container.items():
                if name in {"livenessProbe", "readinessProbe", "startupProbe"}:
                    _setdefaults(
                        probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3
                    )
            for variable in container.get("env") or []:
                field = (variable.get("valueFrom") or {}).get("fieldRef")
                if field:
                    _setdefaults(field, apiVersion="v1")
    for volume in spec.get("volumes") or []:
        for kind in ("secret", "configMap", "projected", "downwardAPI"):
            if kind in volume:
                _setdefaults(volume[kind], defaultMode=420)
        for source in (volume.get("projected") or {}).get("sources") or []:
            if "serviceAccountToken" in source:
                _setdefaults(source["serviceAccountToken"], expirationSeconds=3600)


def _template_defaults(template):
    template.setdefault("metadata", {})
    template["metadata"].setdefault("creationTimestamp", None)
    pod_spec_defaults(template.setdefault("spec", {}))


def _deployment(spec):
    _setdefaults(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600, strategy={})
    _setdefaults(spec["strategy"], type="RollingUpdate")
    if spec["strategy"]["type"] == "RollingUpdate":
        _setdefaults(spec["strategy"], rollingUpdate={})
        _setdefaults(spec["strategy"]["rollingUpdate"], maxUnavailable="25%", maxSurge="25%")
    if not spec.get("paused"):
        spec.pop("paused", None)
    if not spec.get("minReadySeconds"):
        spec.pop("minReadySeconds", None)


def _statefulset(spec):
    _setdefaults(
        spec,
        replicas=1,
        revisionHistoryLimit=10,
        podManagementPolicy="OrderedReady",
        updateStrategy={},
        serviceName="",
    )
    _setdefaults(spec["updateStrategy"], type="RollingUpdate")
    if spec["updateStrategy"]["type"] == "RollingUpdate":
        _setdefaults(spec["updateStrategy"], rollingUpdate={})
        _setdefaults(spec["updateStrategy"]["rollingUpdate"], partition=0)
    _setdefaults(spec, persistentVolumeClaimRetentionPolicy={"whenDeleted": "Retain", "whenScaled": "Retain"})


def _daemonset(spec):
    _setdefaults(spec, revisionHistoryLimit=10, updateStrategy={})
    _setdefaults(spec["updateStrategy"], type="RollingUpdate")
    if spec["updateStrategy"]["type"] == "RollingUpdate":
        _setdefaults(spec["updateStrategy"], rollingUpdate={})
        _setdefaults(spec["updateStrategy"]["rollingUpdate"], maxUnavailable=1, maxSurge=0)


def _job(spec):
    _setdefaults(
        spec, completions=1, parallelism=1, backoffLimit=6, completionMode="NonIndexed", suspend=False,
        manualSelector=False, podReplacementPolicy="TerminatingOrFailed",
    )  # fmt: skip


OMITTED = {
    "labels", "annotations", "finalizers", "ownerReferences", "env", "envFrom", "ports", "volumes", "volumeMounts",
    "initContainers", "imagePullSecrets", "tolerations", "command", "args", "matchLabels", "data", "nodeSelector",
}  # fmt: skip


def omit_empty(content):
    """Drops what Go's `omitempty` would leave out of these fields."""
    if isinstance(content, dict):
        for name in [name for name, value in content.items() if name in OMITTED and value in ({}, [], None)]:
            del content[name]
        for value in content.values():
            omit_empty(value)
    elif isinstance(content, list):
        for value in content:
            omit_empty(value)


def defaults(resource, content):
    """Fills in what the API server would."""
    if not resource.custom:
        omit_empty(content)
    spec = content.get("spec")
    kind = resource.kind
    if kind == "Pod":
        _setdefaults(content.setdefault("spec", {}), serviceAccountName="default", enableServiceLinks=True)
        pod_spec_defaults(content["spec"])
    elif kind == "Secret":
        _secret(content)
    elif kind in {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"} and spec is not None:
        _template_defaults(spec.setdefault("template", {}))
        if kind == "ReplicaSet":
            _setdefaults(spec, replicas=1)
        else:
            {"Deployment": _deployment, "StatefulSet": _statefulset, "DaemonSet": _daemonset, "Job": _job}[
                kind
            ](spec)
    elif kind == "CronJob" and spec is not None:
        _setdefaults(
            spec,
            concurrencyPolicy="Allow",
            suspend=False,
            successfulJobsHistoryLimit=3,
            failedJobsHistoryLimit=1,
        )
        _template_defaults(spec["jobTemplate"]["spec"]["template"])
    elif kind == "ServiceAccount":
        pass
    elif kind == "Service" and spec is not None:
        _setdefaults(spec, type="ClusterIP", sessionAffinity="None")


def _secret(content):
    _setdefaults(content, type="Opaque")
    plain = content.pop("stringData", None)
    if plain:
        data = content.setdefault("data", {})
        for name, value in plain.items():
            data[name] = base64.b64encode(value.encode()).decode()
    for name, value in (content.get("data") or {}).items():
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise bad_request(
                f'Secret in version "v1" cannot be handled as a Secret: illegal base64 data in data[{name}]'
            ) from None


REQUIRED = {
    "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
    "kubernetes.io/tls": ["tls.crt", "tls.key"],
    "kubernetes.io/ssh-auth": ["ssh-privatekey"],
}


def _secret_faults(content):
    data = content.get("data") or {}
    if sum(len(base64.b64decode(value)) for value in data.values()) > 1024 * 1024:
        yield "data", "Too long: may not be more than 1048576 bytes"
    for name in data:
        if not name or len(name) > 253 or not all(c.isalnum() or c in "-_." for c in name):
            yield (
                f"data[{name}]",
                f'Invalid value: "{name}": a valid config key must consist of alphanumeric characters',
            )
    for needed in REQUIRED.get(content["type"], []):
        if needed not in data:
            yield f"data[{needed}]", "Required value"


def _template_faults(path, spec):
    containers = spec.get("containers") or []
    if not containers:
        yield f"{path}.containers", "Required value"
    names = [container.get("name") for container in containers]
    for n, container in enumerate(containers):
        if not container.get("image"):
            yield f"{path}.containers[{n}].image", "Required value"
        if names.count(container.get("name")) > 1 or not container.get("name"):
            yield f"{path}.containers[{n}].name", f'Duplicate value: "{container.get("name")}"'
    volumes = {volume.get("name") for volume in spec.get("volumes") or []}
    for container in containers:
        for n, mount in enumerate(container.get("volumeMounts") or []):
            if mount.get("name") not in volumes:
                yield f"{path}.containers[0].volumeMounts[{n}].name", f'Not found: "{mount.get("name")}"'


def _workload_faults(resource, content):
    spec = content.get("spec") or {}
    template = spec.get("template") or {}
    if resource.kind != "Job":
        labels = (template.get("metadata") or {}).get("labels") or {}
        selector = spec.get("selector")
        if not selector:
            yield "spec.selector", "Required value"
        elif not selects(selector, labels):
            yield (
                "spec.template.metadata.labels",
                f"Invalid value: {json.dumps(labels)}: `selector` does not match template `labels`",
            )
    yield from _template_faults("spec.template.spec", template.get("spec") or {})
    if resource.kind == "Deployment" and spec["progressDeadlineSeconds"] <= spec.get("minReadySeconds", 0):
        yield (
            "spec.progressDeadlineSeconds",
            (f"Invalid value: {spec['progressDeadlineSeconds']}: must be greater than minReadySeconds"),
        )
    if resource.kind in {"Deployment", "StatefulSet", "ReplicaSet"} and spec["replicas"] < 0:
        yield "spec.replicas", f"Invalid value: {spec['replicas']}: must be greater than or equal to 0"


def validate(resource, content):
    """Raises 422 with every cause."""
    causes = list(metadata_faults(content["metadata"], free=resource.group.startswith("rbac.")))
    if resource.kind == "Secret":
        causes += _secret_faults(content)
    elif resource.kind == "Pod":
        causes += _template_faults("spec", content.get("spec") or {})
    elif resource.kind in {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"}:
        causes += _workload_faults(resource, content)
    elif resource.kind == "Lease":
        spec = content.get("spec") or {}
        if spec.get("leaseDurationSeconds") is not None and spec["leaseDurationSeconds"] <= 0:
            causes.append(("spec.leaseDurationSeconds", "must be greater than 0"))
        for field in ("acquireTime", "renewTime"):
            if spec.get(field) and not MICRO_TIME.match(spec[field]):
                raise bad_request(
                    f'Lease in version "v1" cannot be handled as a Lease: parsing time "{spec[field]}"'
                )
        if (spec.get("leaseTransitions") or 0) < 0:
            causes.append(("spec.leaseTransitions", "must be greater than or equal to 0"))
    if causes:
        raise invalid(resource, content["metadata"]["name"], *causes)


MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)\Z")
IMMUTABLE_SPEC = "field is immutable"


def _secret_update(old, new):
    if old.get("immutable"):
        if not new.get("immutable"):
            yield "immutable", "Forbidden: field is immutable when `immutable` is set"
        if (old.get("data") or {}) != (new.get("data") or {}):
            yield "data", "Forbidden: field is immutable when `immutable` is set"
    if old.get("type") != new.get("type"):
        yield "type", f'Invalid value: "{new.get("type")}": {IMMUTABLE_SPEC}'


def _pod_update(old, new):
    def frozen(spec):
        spec = copy.deepcopy(spec)
        for kind in ("containers", "initContainers"):
            for container in spec.get(kind) or []:
                container.pop("image", None)
        for name in ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"):
            spec.pop(name, None)
        return spec

    if frozen(old["spec"]) != frozen(new["spec"]):
        yield (
            "spec",
            (
                "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
                "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations`"
            ),
        )


STATEFUL_MUTABLE = {
    "replicas", "ordinals", "template", "updateStrategy", "persistentVolumeClaimRetentionPolicy", "minReadySeconds",
    "revisionHistoryLimit",
}  # fmt: skip


def _stateful_update(old, new):
    for name in {*old["spec"], *new["spec"]} - STATEFUL_MUTABLE:
        if old["spec"].get(name) != new["spec"].get(name):
            yield (
                "spec",
                (
                    "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
                    "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
                    "'minReadySeconds' are forbidden"
                ),
            )
            return


def validate_update(resource, old, new):
    """Raises 422 for what may not change."""
    causes = []
    if resource.kind == "Secret":
        causes += _secret_update(old, new)
    elif resource.kind == "ConfigMap" and old.get("immutable"):
        if not new.get("immutable"):
            causes.append(("immutable", "Forbidden: field is immutable when `immutable` is set"))
        if old.get("data") != new.get("data"):
            causes.append(("data", "Forbidden: field is immutable when `immutable` is set"))
    elif resource.kind == "Pod":
        causes += _pod_update(old, new)
    elif resource.kind in {"Deployment", "DaemonSet", "ReplicaSet"}:
        if old["spec"].get("selector") != new["spec"].get("selector"):
            causes.append(("spec.selector", f"Invalid value: {IMMUTABLE_SPEC}"))
    elif resource.kind == "StatefulSet":
        causes += _stateful_update(old, new)
    elif resource.kind == "Job" and old["spec"].get("template") != new["spec"].get("template"):
        if not old["spec"].get("suspend"):
            causes.append(("spec.template", f"Invalid value: {IMMUTABLE_SPEC}"))
    elif resource.kind in {"RoleBinding", "ClusterRoleBinding"} and old["roleRef"] != new["roleRef"]:
        causes.append(("roleRef", "Invalid value: cannot change roleRef"))
    if causes:
        raise invalid(resource, new["metadata"]["name"], *causes)


def generation(resource, old, new):
    """The generation of the new version."""
    before = old["metadata"].get("generation", 1)
    changed = old.get("spec") != new.get("spec")
    if resource.kind == "Deployment":
        changed = changed or old["metadata"].get("annotations") != new["metadata"].get("annotations")
    if resource.custom:
        mine = {name: value for name, value in new.items() if name not in {"metadata", "status"}}
        changed = mine != {name: value for name, value in old.items() if name not in {"metadata", "status"}}
    return before + 1 if changed else before
