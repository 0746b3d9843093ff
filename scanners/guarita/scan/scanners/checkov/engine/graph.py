"""The checks that need several objects: who is bound to which role, which pods no NetworkPolicy selects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkov.common.checks_infra.registry import get_graph_checks_registry
from checkov.common.graph.graph_builder import CustomAttributes
from checkov.common.models.enums import CheckResult
from checkov.common.util.data_structures_utils import pickle_deepcopy
from checkov.kubernetes.kubernetes_utils import PARENT_RESOURCE_ID_KEY_NAME
from checkov.kubernetes.runner import Runner
from checkov.runner_filter import RunnerFilter

from .objects import Resource
from .resources import TEMPLATE, finding

ACCESS = {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}
PODS = {
    "Pod", "Deployment", "DeploymentConfig", "DaemonSet", "Job", "ReplicaSet", "ReplicationController",
    "StatefulSet", "NetworkPolicy",
}  # fmt: skip
"""With `ACCESS` all that checkov's six graph checks look at. Other kinds only make the graph larger."""
_filter = RunnerFilter()


def judge(resources: list[Resource]) -> Iterator[dict[str, Any]]:
    """The findings over all these objects together.

    checkov takes a NetworkPolicy of any namespace for one that selects a pod, so pods are judged namespace
    by namespace. Roles and bindings reach over namespaces and stay together.
    """
    parts: dict[str, list[tuple[str, Resource]]] = {}
    for resource in resources:
        if kind := _kind(resource):
            namespace = "" if kind in ACCESS else resource.name.split(".", 2)[1]
            parts.setdefault(namespace, []).append((kind, resource))
    for part in parts.values():
        yield from _judge(part)


def _judge(part: list[tuple[str, Resource]]) -> Iterator[dict[str, Any]]:
    known = {str(number): resource for number, (_, resource) in enumerate(part)}
    definitions = {
        str(number): [_named({**resource.data, "kind": kind}, resource)]
        for number, (kind, resource) in enumerate(part)
    }
    runner = Runner()
    runner.graph_manager.save_graph(
        runner.graph_manager.build_graph_from_definitions(pickle_deepcopy(definitions))
    )
    checks = get_graph_checks_registry(Runner.check_type)
    checks.load_checks()
    for check, results in checks.run_checks(
        runner.graph_manager.get_reader_endpoint(), _filter, Runner.check_type
    ).items():
        for result in results:
            if result["result"] == CheckResult.FAILED:
                entity = result["entity"]
                resource = known[entity[CustomAttributes.FILE_PATH]]
                yield _finding(resource, check, entity)


def _finding(resource: Resource, check: Any, entity: dict[str, Any]) -> dict[str, Any]:
    found = finding(resource, check)
    if PARENT_RESOURCE_ID_KEY_NAME in entity:
        # A pod inside a workload: named after it, since its own name is made of labels.
        found["resource"] = f"Pod.{resource.name.partition('.')[2]}"
    return found


def _kind(resource: Resource) -> str:
    if resource.kind in ACCESS | PODS:
        return resource.kind
    spec = resource.data.get("spec")
    template = spec.get("template") if isinstance(spec, dict) else None
    if resource.kind == "CronJob":
        return "CronJob"
    pod = template.get("spec") if isinstance(template, dict) else None
    return TEMPLATE if isinstance(pod, dict) and "containers" in pod else ""


def _named(data: dict[str, Any], resource: Resource) -> dict[str, Any]:
    """The object as the graph takes it: with a name, and a job's template where the graph looks for one."""
    metadata = {**(data.get("metadata") or {})}
    metadata.setdefault("name", resource.name.split(".", 2)[2])
    if data["kind"] == "CronJob":
        spec = data.get("spec")
        job = spec.get("jobTemplate") if isinstance(spec, dict) else None
        return {**data, "kind": "Job", "metadata": metadata, "spec": (job or {}).get("spec") or {}}
    return {**data, "metadata": metadata}
