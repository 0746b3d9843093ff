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
from .resources import PATHS, TEMPLATE_PATH, at, has_containers, placed

ACCESS = {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}
POLICY = "NetworkPolicy"
CONTAINER = {"name": "any", "image": "any"}
_filter = RunnerFilter()


def extract(resource: Resource) -> dict[str, Any] | None:
    """What the checks over several objects look at in this one, or None where they look at nothing.

    checkov takes a NetworkPolicy of any namespace for one that selects a pod, so pods stand in the `area` of
    their namespace. Roles and bindings reach over namespaces and share the area without a name. Of a pod only
    its labels are kept: what its containers hold is nobody's business here.
    """
    if resource.kind in ACCESS:
        data = {key: value for key, value in resource.data.items() if key != "metadata"}
        return _extracted(resource, "", resource.name, data)
    namespace = resource.name.split(".", 2)[1]
    if resource.data["kind"] == POLICY:
        return _extracted(resource, namespace, resource.name, resource.data)
    path = PATHS.get(resource.data["kind"], TEMPLATE_PATH)
    holder = at(resource.data, path[:-1])
    if not isinstance(holder, dict) or not has_containers(holder.get("spec")):
        return None
    metadata = holder.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [CONTAINER]}}
    # A pod inside a workload is named after it: its own name is made of labels.
    name = f"Pod.{resource.name.partition('.')[2]}"
    return _extracted(resource, namespace, name, pod, labels)


def judge(request: dict[str, Any]) -> dict[str, Any]:
    """The findings over all `objects` of one area together."""
    return {"findings": list(_judge(request["objects"]))}


def _judge(objects: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    definitions = {str(number): [item["data"]] for number, item in enumerate(objects)}
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
                item = objects[int(result["entity"][CustomAttributes.FILE_PATH])]
                yield {
                    **item["finding"],
                    "rule": check.id,
                    "name": check.name,
                    "guideline": check.guideline or "",
                    "suppression": item["suppressions"].get(check.id),
                }


def _extracted(
    resource: Resource, area: str, name: str, data: dict[str, Any], labels: Any = None
) -> dict[str, Any]:
    """The object with the name and namespace without which the graph would leave it out."""
    _, namespace, own = resource.name.split(".", 2)
    metadata = {"name": own, "namespace": namespace, **({"labels": labels} if labels is not None else {})}
    line = resource.line()
    return {
        "area": area,
        "data": {**data, "metadata": metadata, START: line, END: line},
        "finding": placed(resource, name),
        "suppressions": resource.suppressions,
    }
