"""The checks that need several objects: who is bound to which role, which pods no NetworkPolicy selects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkov.common.checks_infra.registry import get_graph_checks_registry
from checkov.common.graph.graph_builder import CustomAttributes
from checkov.common.models.enums import CheckResult
from checkov.common.util.data_structures_utils import pickle_deepcopy
from checkov.kubernetes.runner import Runner
from checkov.runner_filter import RunnerFilter

from .documents import END, START
from .objects import Resource
from .resources import PATHS, TEMPLATE_PATH, at, finding, has_containers

ACCESS = {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}
POLICY = "NetworkPolicy"
_filter = RunnerFilter()


def judge(resources: list[Resource]) -> Iterator[dict[str, Any]]:
    """The findings over all these objects together.

    checkov takes a NetworkPolicy of any namespace for one that selects a pod, so pods are judged namespace
    by namespace. Roles and bindings reach over namespaces and stay together.
    """
    parts: dict[str, list[tuple[Resource, dict[str, Any]]]] = {}
    for resource in resources:
        if resource.kind in ACCESS:
            parts.setdefault("", []).append((resource, _named(resource, resource.data)))
        elif (data := _pod(resource)) is not None:
            parts.setdefault(resource.name.split(".", 2)[1], []).append((resource, data))
    for part in parts.values():
        yield from _judge(part)


def _judge(part: list[tuple[Resource, dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    known = {str(number): resource for number, (resource, _) in enumerate(part)}
    definitions = {str(number): [data] for number, (_, data) in enumerate(part)}
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
                found = finding(resource, check)
                if resource.kind not in ACCESS:
                    # A pod inside a workload is named after it: its own name is made of labels.
                    found["resource"] = f"Pod.{resource.name.partition('.')[2]}"
                yield found


def _pod(resource: Resource) -> dict[str, Any] | None:
    """A NetworkPolicy as it is, and of a workload the pod alone, or None.

    No check looks at what is around the pod, and checkov compares everything with everything.
    """
    kind = resource.data["kind"]
    if kind == POLICY:
        return _named(resource, resource.data)
    path = PATHS.get(kind, TEMPLATE_PATH)
    holder = at(resource.data, path[:-1])
    if not isinstance(holder, dict) or not has_containers(holder.get("spec")):
        return None
    return _named(resource, {**holder, "apiVersion": "v1", "kind": "Pod"})


def _named(resource: Resource, data: dict[str, Any]) -> dict[str, Any]:
    """The object with the name and namespace without which the graph would leave it out."""
    metadata = data.get("metadata")
    _, namespace, name = resource.name.split(".", 2)
    named = {**(metadata if isinstance(metadata, dict) else {}), "name": name, "namespace": namespace}
    return {START: resource.line(), END: resource.line(), **data, "metadata": named}
