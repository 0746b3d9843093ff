"""Pods inside custom resources (Rollout, Knative Service, CloneSet, a Crossplane Object), judged as Deployments.

checkov knows the kinds of Kubernetes itself. A custom resource that holds the `spec` of a pod makes pods of
it, wherever in the resource that stands.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from checkov.kubernetes.checks.resource.registry import registry

from .documents import END, START
from .objects import Resource
from .resources import WORKFLOWS, has_containers

OWN_GROUPS = {"", "apps", "batch", "extensions"}
"""API groups of Kubernetes' own workloads, of which the place of the pod is known."""
PATTERNS = ("kyverno.io", "apiextensions.k8s.io")
"""Groups whose objects describe pods that others make: patterns and schemas."""
FORM = "Deployment"


def pods_in(resource: Resource) -> list[Resource]:
    """For each pod that a custom resource holds, the resource again with a Deployment of that pod as data.

    Name, kind and lines stay the resource's own. Empty for what is no custom resource or holds no pod.
    """
    group = str(resource.data["apiVersion"]).rpartition("/")[0]
    known = group in OWN_GROUPS and registry.get_checks(resource.kind)
    if known or group.endswith(PATTERNS) or resource.kind in WORKFLOWS:
        return []
    return [
        dataclasses.replace(resource, data=_deployment(resource, holder))
        for holder in _holders(resource.data)
    ]


def _deployment(resource: Resource, holder: dict[str, Any]) -> dict[str, Any]:
    data = resource.data
    lines = {START: resource.line(), END: data.get(END, resource.document.end_line)}
    # At the top of a resource the metadata is the resource's own.
    template = {key: holder[key] for key in ("metadata", "spec", START, END) if key in holder}
    return {
        "apiVersion": "apps/v1",
        "kind": FORM,
        "metadata": data.get("metadata") or {},
        "spec": {"template": template, **lines},
        **lines,
    }


def _holders(node: Any) -> Iterator[dict[str, Any]]:
    """The mappings whose `spec` is a pod's."""
    if isinstance(node, dict):
        inside = has_containers(node.get("spec"))
        if inside:
            yield node
        for key, value in node.items():
            if not (inside and key == "spec"):
                yield from _holders(value)
    elif isinstance(node, list):
        for item in node:
            yield from _holders(item)
