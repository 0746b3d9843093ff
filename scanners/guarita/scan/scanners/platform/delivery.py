"""Canaries: their steps, and what sends them back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from guarita.policy.packs.platform import load_pack
from guarita.scan.scanners.platform.interface import Check, Fault, Thing, Tree, items, number

_LIMIT: Final = re.compile(r"(<=?|>=?)\s*([0-9.]+)")
MILLISECONDS: Final = 20.0
"""A limit of latency above this is one in milliseconds: nobody waits twenty seconds."""


def steps(tree: Tree) -> Iterator[Fault]:
    wanted = load_pack()["GUARITA_PLATFORM_8"].numbers["weights"]
    for thing in tree.of("Rollout"):
        found = [
            number(step["setWeight"])
            for step in items(thing.at("spec", "strategy", "canary", "steps"))
            if "setWeight" in step
        ]
        if found != wanted:
            shown = ", ".join(f"{weight:g}" for weight in found if weight is not None) or "no steps"
            yield Fault(thing, f"it takes {shown} %, not {', '.join(map(str, wanted))} %")


def errors(tree: Tree) -> Iterator[Fault]:
    yield from _analysed(tree, "GUARITA_PLATFORM_9", "error", 1.0)


def latency(tree: Tree) -> Iterator[Fault]:
    yield from _analysed(tree, "GUARITA_PLATFORM_10", "latency", MILLISECONDS)


def _analysed(tree: Tree, rule: str, word: str, least: float) -> Iterator[Fault]:
    """Each Rollout names a template with such a metric, and each such metric has the limits."""
    wanted = load_pack()[rule].numbers
    templates = tree.of("AnalysisTemplate", "ClusterAnalysisTemplate")
    measured = {thing.at("metadata", "name"): list(_metrics(thing, word)) for thing in templates}
    for thing in tree.of("Rollout"):
        if not any(measured.get(name) for name in _named(thing)):
            yield Fault(thing, f"no analysis looks at its {word}")
    for thing in templates:
        for metric in measured[thing.at("metadata", "name")]:
            for field, sign in (("success", "<"), ("failure", ">")):
                limit = _limit(metric.get(f"{field}Condition"), sign)
                limit = limit / 1000 if word == "latency" and limit is not None and limit > least else limit
                if limit is None or (limit > wanted[field]):
                    part = f"{metric.get('name')} {field}Condition"
                    yield Fault(thing, f"{part} is not {sign} {wanted[field]:g}", part)


def _metrics(thing: Thing, word: str) -> Iterator[dict[str, Any]]:
    yield from (m for m in items(thing.at("spec", "metrics")) if word in str(m.get("name", "")).lower())


def _named(thing: Thing) -> Iterator[str]:
    canary = thing.at("spec", "strategy", "canary")
    if not isinstance(canary, dict):
        return
    analyses = [canary.get("analysis"), *(step.get("analysis") for step in items(canary.get("steps")))]
    for analysis in analyses:
        if isinstance(analysis, dict):
            yield from (str(template.get("templateName")) for template in items(analysis.get("templates")))


def _limit(condition: Any, sign: str) -> float | None:
    found = [match.group(2) for match in _LIMIT.finditer(str(condition or "")) if match.group(1)[0] == sign]
    return number(found[0]) if len(found) == 1 else None


CHECKS: dict[str, Check] = {
    "GUARITA_PLATFORM_8": steps,
    "GUARITA_PLATFORM_9": errors,
    "GUARITA_PLATFORM_10": latency,
}
