"""One Kubernetes object against checkov's checks, with what those leave out.

checkov stops at the first bad container, looks at no ephemeral one and reads only the first rule of a role.
Here each container and each rule is judged by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from checkov.argo_workflows.checks import template as argo_checks  # noqa: F401  # registers the checks
from checkov.argo_workflows.checks.registry import registry as argo_registry
from checkov.common.models.enums import CheckResult
from checkov.kubernetes.checks.resource import k8s  # noqa: F401  # registers the checks
from checkov.kubernetes.checks.resource.base_container_check import BaseK8sContainerCheck
from checkov.kubernetes.checks.resource.base_root_container_check import BaseK8sRootContainerCheck
from checkov.kubernetes.checks.resource.registry import registry

from .documents import END, START, UnreadableError
from .objects import Resource

WORKFLOWS = {
    "Workflow": ("spec",),
    "WorkflowTemplate": ("spec",),
    "ClusterWorkflowTemplate": ("spec",),
    "CronWorkflow": ("spec", "workflowSpec"),
}
"""Kinds of Argo Workflows, and where what they run stands."""
CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
NOT_IN_EPHEMERAL = {f"CKV_K8S_{n}" for n in (8, 9, 10, 11, 12, 13)}
"""Probes and resources, which the API refuses in ephemeral containers."""
KEYS = {
    "CKV_K8S_17": "hostPID",
    "CKV_K8S_18": "hostIPC",
    "CKV_K8S_19": "hostNetwork",
    "CKV_K8S_27": "volumes",
    "CKV_K8S_38": "automountServiceAccountToken",
}
"""The key of the pod that a check looks at, where the check does not say."""
FIRST_RULE_ONLY = {"CKV_K8S_49"}
FREE_TEXT = {"command", "args", "value", "annotations", "data", "stringData", "description", "env"}
TEMPLATE_PATH = ("spec", "template", "spec")
"""Where the pod stands in a workload, but for these:"""
PATHS = {
    "Pod": ("spec",),
    "PodTemplate": ("template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}


def judge(resource: Resource) -> Iterator[dict[str, Any]]:
    """The findings of one object. Raises UnreadableError where a check could not come to an answer."""
    data = resource.data
    if data["kind"] in WORKFLOWS and str(data["apiVersion"]).startswith("argoproj.io/"):
        yield from _workflow(resource)
        return
    checks = registry.get_checks(data["kind"])
    if not checks:
        return
    path = PATHS.get(data["kind"], TEMPLATE_PATH)
    pod = at(data, path)
    if isinstance(pod, dict):
        _refuse_templates(resource, pod)
    for check in checks:
        try:
            yield from _by_check(resource, check, data, path, pod)
        except UnreadableError:
            raise
        except Exception as error:
            raise UnreadableError(
                f"{check.id} could not judge {resource.name} ({type(error).__name__})"
            ) from error


def is_fragment(data: dict[str, Any]) -> bool:
    """Whether the API would refuse the object as it stands: a workload without containers or images."""
    path = PATHS.get(data["kind"], TEMPLATE_PATH)
    if data["kind"] not in BaseK8sContainerCheck.SUPPORTED_ENTITIES:
        return False
    pod = at(data, path)
    containers = pod.get("containers") if isinstance(pod, dict) else None
    if not isinstance(containers, list) or not containers:
        return True
    every = [
        item for kind in CONTAINERS for item in (pod.get(kind) or []) if isinstance(pod.get(kind) or [], list)
    ]
    return any(not (isinstance(item, dict) and item.get("image")) for item in every)


def finding(resource: Resource, check: Any, part: str = "", line: int = 0, end: int = 0) -> dict[str, Any]:
    """A finding as it goes over the pipe."""
    rule = check.id
    place = placed(resource, resource.name)
    return {
        **place,
        "rule": rule,
        "name": check.name,
        "part": part,
        "line": line or place["line"],
        "end_line": end or place["end_line"],
        "guideline": check.guideline or "",
        "suppression": resource.suppressions.get(rule),
    }


def placed(resource: Resource, name: str) -> dict[str, Any]:
    """Those fields of a finding that say where it is, about the resource as a whole."""
    return {
        "resource": name,
        "kind": resource.kind,
        "part": "",
        "key": resource.key,
        "line": resource.line(),
        "end_line": resource.data.get(END, resource.document.end_line),
        "source": resource.source,
        "origin": resource.origin,
    }


def _workflow(resource: Resource) -> Iterator[dict[str, Any]]:
    path = WORKFLOWS[resource.kind]
    spec = at(resource.data, path)
    if not isinstance(spec, dict):
        raise UnreadableError(f"{resource.name} says nothing that it runs")
    for check in argo_registry.checks["spec"]:
        if check.scan_conf(spec)[0] == CheckResult.FAILED:
            yield finding(resource, check, line=resource.line(*path))


def _by_check(
    resource: Resource, check: Any, data: dict[str, Any], path: tuple[str, ...], pod: Any
) -> Iterator[dict[str, Any]]:
    inherited = type(check).scan_spec_conf is BaseK8sContainerCheck.scan_spec_conf
    if isinstance(check, BaseK8sContainerCheck) and inherited:
        check.entity_type = data["kind"]
        holder = at(data, path[:-1])
        metadata = (holder or {}).get("metadata") or {}
        for place, container in _containers(pod):
            if (
                _judges(check, place[0])
                and check.scan_container_conf(metadata, container) == CheckResult.FAILED
            ):
                yield _in_container(resource, check, (*path, *place), container)
    elif isinstance(check, BaseK8sContainerCheck | BaseK8sRootContainerCheck):
        yield from _each_alone(resource, check, data, path, pod)
    elif check.id in FIRST_RULE_ONLY and isinstance(data.get("rules"), list):
        yield from _each_rule(resource, check, data)
    elif _fails(check, data):
        yield finding(resource, check, line=_line(resource, check, path))


def _each_alone(
    resource: Resource, check: Any, data: dict[str, Any], path: tuple[str, ...], pod: Any
) -> Iterator[dict[str, Any]]:
    """Run a check over the whole pod once for each container, as if there were no other."""
    found = False
    for place, container in _containers(pod):
        if _fails(check, _with(data, path, _alone(pod, container))):
            found = True
            yield _in_container(resource, check, (*path, *place), container)
    if not found and _fails(check, data):
        yield finding(resource, check)


def _each_rule(resource: Resource, check: Any, data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for index, rule in enumerate(data["rules"]):
        if _fails(check, {**data, "rules": [rule]}):
            where = resource.line("rules", index)
            end = rule.get(END, where) if isinstance(rule, dict) else where
            yield finding(resource, check, f"rule {_words(rule)}", where, end)


def _judges(check: Any, kind: str) -> bool:
    if kind == "ephemeralContainers":
        return check.id not in NOT_IN_EPHEMERAL and "containers" in check.supported_container_types
    return kind in check.supported_container_types


def _fails(check: Any, data: dict[str, Any]) -> bool:
    result = check.scan_entity_conf(data, data["kind"])
    return bool((result[0] if isinstance(result, tuple) else result) == CheckResult.FAILED)


def _in_container(
    resource: Resource, check: Any, path: tuple[str | int, ...], container: dict[str, Any]
) -> dict[str, Any]:
    line = resource.line(*path)
    kind, index = path[-2:]
    name = container.get("name")
    part = f"{str(kind).removesuffix('s')} {name if isinstance(name, str) else index}"
    return finding(resource, check, part, line, container.get(END, line))


def _containers(pod: Any) -> Iterator[tuple[tuple[str, int], dict[str, Any]]]:
    """Every container with the list it stands in and its place there."""
    if not isinstance(pod, dict):
        return
    for kind in CONTAINERS:
        containers = pod.get(kind)
        if containers is None:
            continue
        if not isinstance(containers, list) or not all(isinstance(item, dict) for item in containers):
            raise UnreadableError(f"{kind} that are no list of mappings")
        for index, container in enumerate(containers):
            yield (kind, index), container


def has_containers(pod: Any) -> bool:
    """Whether this is a pod's `spec`."""
    return isinstance(pod, dict) and any(isinstance(pod.get(kind), list) for kind in CONTAINERS)


def _alone(pod: dict[str, Any], container: dict[str, Any]) -> dict[str, Any]:
    return {**{key: value for key, value in pod.items() if key not in CONTAINERS}, "containers": [container]}


def at(data: Any, path: tuple[str, ...]) -> Any:
    """What stands at a path, or None."""
    for step in path:
        data = data.get(step) if isinstance(data, dict) else None
    return data


def _with(data: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    if not path:
        return value  # type: ignore[no-any-return]
    return {**data, path[0]: _with(data[path[0]], path[1:], value)}


def _words(rule: Any) -> str:
    if not isinstance(rule, dict):
        return ""
    fields = ("apiGroups", "resources", "verbs")
    return " ".join(",".join(map(str, rule.get(field) or [])) or '""' for field in fields)


def _line(resource: Resource, check: Any, path: tuple[str, ...]) -> int:
    """Where the key stands that the check looked at, as far as it is known."""
    if key := KEYS.get(check.id):
        pod = at(resource.data, path)
        return resource.line(*path, key) if isinstance(pod, dict) and key in pod else resource.line()
    keys = check.get_evaluated_keys()
    if len(keys) != 1 or not isinstance(keys[0], str):
        return resource.line()
    steps = re.findall(r"[^/\[\]]+", keys[0])
    return resource.line(*(int(step) if step.isdigit() else step for step in steps))


def _refuse_templates(resource: Resource, pod: dict[str, Any]) -> None:
    """A pod whose fields hold template expressions is not the one that will run."""
    if _templated(pod):
        raise UnreadableError(f"{resource.name} holds template expressions, so its values are not known")


def _templated(node: Any) -> bool:
    if isinstance(node, str):
        return "{{" in node
    if isinstance(node, dict):
        return any(
            _templated(value)
            for key, value in node.items()
            if key not in FREE_TEXT and key not in {START, END}
        )
    if isinstance(node, list):
        return any(map(_templated, node))
    return False
