"""What the checks look at, all of the tree's objects and blocks, and what they give."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from guarita.scan.interface import TreeFile

_LINES: Final = {"__startline__", "__endline__", "__start_line__", "__end_line__"}


@dataclass(frozen=True)
class Thing:
    """A Kubernetes object, or a block of Terraform."""

    file: TreeFile
    line: int
    kind: str
    """Its kind; of a block its type."""
    name: str
    """`Kind.namespace.name`, or `type.name`."""
    data: dict[str, Any]
    group: str = ""
    """The API group; `terraform` for a block."""

    def at(self, *path: str) -> Any:
        """What stands at a path of keys, or None."""
        node: Any = self.data
        for key in path:
            node = node.get(key) if isinstance(node, dict) else None
        return node

    @property
    def namespace(self) -> str:
        """The namespace of an object."""
        return str(self.at("metadata", "namespace") or "default")

    @property
    def annotations(self) -> dict[str, Any]:
        """The annotations of an object."""
        found = self.at("metadata", "annotations")
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Fault:
    """A demand that is not met, at a thing."""

    thing: Thing
    what: str
    part: str = ""


Check = Callable[["Tree"], Iterator[Fault]]


class Tree:
    """Everything that was read."""

    def __init__(self, things: Sequence[Thing]) -> None:
        self.things = things

    def of(self, *kinds: str) -> list[Thing]:
        """The things of these kinds."""
        return [thing for thing in self.things if thing.kind in kinds]

    @property
    def workloads(self) -> list[Thing]:
        """What runs pods and stays."""
        return [
            thing for thing in self.of("Deployment", "StatefulSet", "DaemonSet", "Rollout") if pod_of(thing)
        ]


def pod_of(thing: Thing) -> dict[str, Any] | None:
    """The pod's spec of a workload or a job, or None."""
    path = (
        ("spec", "jobTemplate", "spec", "template", "spec")
        if thing.kind == "CronJob"
        else ("spec", "template", "spec")
    )
    found = thing.at(*path)
    return found if isinstance(found, dict) and isinstance(found.get("containers"), list) else None


def containers_of(thing: Thing) -> list[dict[str, Any]]:
    """The containers of a workload or a job."""
    pod = pod_of(thing)
    return [item for item in (pod or {}).get("containers", []) if isinstance(item, dict)]


def items(value: Any) -> list[dict[str, Any]]:
    """The mappings in a list; a mapping is a list of one."""
    value = [value] if isinstance(value, dict) else value
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def plain(value: Any) -> Any:
    """Without the keys that say where a mapping stands; a block's one-element lists stay."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if key not in _LINES}
    return [plain(item) for item in value] if isinstance(value, list) else value


def first(value: Any) -> Any:
    """The value of a Terraform argument, which the parser gives in a list."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


_QUANTITY: Final = re.compile(r"([0-9.]+)(m|Ki|Mi|Gi|Ti|k|M|G|T)?")
_UNITS: Final = {
    None: 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40,
}  # fmt: skip


def quantity(value: Any) -> float | None:
    """A Kubernetes quantity in its base unit, or None where it is none."""
    match = _QUANTITY.fullmatch(str(value).strip())
    try:
        return float(match.group(1)) * _UNITS[match.group(2)] if match else None
    except ValueError:
        return None


def number(value: Any) -> float | None:
    """A number, whatever spells it, or None."""
    value = first(value)
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
