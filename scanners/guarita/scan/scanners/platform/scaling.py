"""Replicas, resources, nodes, read replicas, probes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from guarita.policy.packs.platform import load_pack
from guarita.scan.scanners.platform.interface import (
    Check,
    Fault,
    Thing,
    Tree,
    containers_of,
    first,
    items,
    number,
    plain,
    quantity,
)

HPA, VPA = "HorizontalPodAutoscaler", "VerticalPodAutoscaler"


def _numbers(rule: int) -> Mapping[str, Any]:
    return load_pack()[f"GUARITA_PLATFORM_{rule}"].numbers


def _between(thing: Thing, least: Any, most: Any, bounds: Mapping[str, Any], what: str) -> Iterator[Fault]:
    low, high = number(least), number(most)
    if low is None or low < bounds["least"] or high is None or high > bounds["most"] or high < low:
        shown = f"{least if low is not None else 'nothing'} to {most if high is not None else 'nothing'}"
        yield Fault(thing, f"{what} goes from {shown}, not from {bounds['least']} to {bounds['most']}")


def replicas(tree: Tree) -> Iterator[Fault]:
    for thing in tree.of(HPA):
        yield from _between(
            thing, thing.at("spec", "minReplicas"), thing.at("spec", "maxReplicas"), _numbers(1), "it"
        )


def targets(tree: Tree) -> Iterator[Fault]:
    for thing in tree.of(HPA):
        found = {}
        for metric in items(thing.at("spec", "metrics")):
            resource = metric.get("resource") if isinstance(metric.get("resource"), dict) else {}
            target = resource.get("target") if isinstance(resource, dict) else None
            if isinstance(resource, dict) and isinstance(target, dict):
                found[resource.get("name")] = number(target.get("averageUtilization"))
        for name, wanted in _numbers(2).items():
            if found.get(name) != wanted:
                yield Fault(thing, f"it does not scale at {wanted} % of {name}", name)


def stabilization(tree: Tree) -> Iterator[Fault]:
    for thing in tree.of(HPA):
        for direction, wanted in _numbers(3).items():
            found = thing.at("spec", "behavior", direction, "stabilizationWindowSeconds")
            if number(found) != wanted:
                yield Fault(thing, f"{direction} does not wait {wanted} seconds", direction)


def vertical(tree: Tree) -> Iterator[Fault]:
    for thing in tree.of(VPA):
        policies = items(thing.at("spec", "resourcePolicy", "containerPolicies"))
        if not policies:
            yield Fault(thing, "it has no bounds")
        for policy in policies:
            for name, (least, most) in _numbers(4).items():
                low, high = (
                    quantity((policy.get(key) or {}).get(name)) for key in ("minAllowed", "maxAllowed")
                )
                floor, ceiling = quantity(least) or 0.0, quantity(most) or 0.0
                if low is None or low < floor or high is None or high > ceiling:
                    part = f"{policy.get('containerName', '*')} {name}"
                    yield Fault(thing, f"{part} is not kept between {least} and {most}", part)


def nodes(tree: Tree) -> Iterator[Fault]:
    for thing in tree.of("aws_eks_node_group"):
        scaling = first(thing.data.get("scaling_config")) or {}
        yield from _between(
            thing, first(scaling.get("min_size")), first(scaling.get("max_size")), _numbers(5), "it"
        )
    for thing in tree.of("aws_autoscaling_group"):
        yield from _between(
            thing, first(thing.data.get("min_size")), first(thing.data.get("max_size")), _numbers(5), "it"
        )


def read_replicas(tree: Tree) -> Iterator[Fault]:
    scaled = [
        thing
        for thing in tree.of("aws_appautoscaling_target")
        if "ReadReplicaCount" in str(first(thing.data.get("scalable_dimension")))
    ]
    for thing in scaled:
        low, high = first(thing.data.get("min_capacity")), first(thing.data.get("max_capacity"))
        yield from _between(thing, low, high, _numbers(6), "the number of read replicas")
    for thing in [] if scaled else tree.of("aws_rds_cluster"):
        yield Fault(thing, "nothing scales its read replicas")


def probes(tree: Tree) -> Iterator[Fault]:
    for thing in tree.workloads:
        for container in containers_of(thing):
            for probe in ("readinessProbe", "livenessProbe"):
                if not plain(container.get(probe)):
                    part = f"{container.get('name', '')} {probe}"
                    yield Fault(thing, f"the container {container.get('name', '')} has no {probe}", part)


CHECKS: dict[str, Check] = {
    "GUARITA_PLATFORM_1": replicas,
    "GUARITA_PLATFORM_2": targets,
    "GUARITA_PLATFORM_3": stabilization,
    "GUARITA_PLATFORM_4": vertical,
    "GUARITA_PLATFORM_5": nodes,
    "GUARITA_PLATFORM_6": read_replicas,
    "GUARITA_PLATFORM_7": probes,
}
