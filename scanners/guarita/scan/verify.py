"""`--verify-cache`: what was remembered, held against what a run without memory finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from guarita.policy.gate.coverage import FileCoverage
from guarita.policy.gate.finding import Finding
from guarita.policy.gate.verdict import Problem
from guarita.scan.runner import Scanned

SHOWN = 5
"""Files that a difference names."""


def compared(cached: Scanned, cold: Scanned) -> Scanned:
    """The cold run, with a problem (`cache.differs`) where the cached one says anything else."""
    places = sorted({*_differing(cached.findings, cold.findings), *_differing(cached.files, cold.files)})
    if not places:
        return cold
    shown = ", ".join(places[:SHOWN]) + (" and others" if len(places) > SHOWN else "")
    problem = Problem(
        code="cache.differs",
        message=f"the cache says something else than a run without it, about {shown}",
        hint="remove the cache folder, find out who else writes to it, and report this",
    )
    return Scanned(cold.findings, cold.files, (*cold.problems, problem), cold.runs)


def _differing(
    one: Iterable[Finding | FileCoverage], other: Iterable[Finding | FileCoverage]
) -> Iterator[str]:
    """The paths of what stands in only one of them."""
    first, second = Counter(map(_written, one)), Counter(map(_written, other))
    for path, _ in (first - second) + (second - first):
        yield path


def _written(item: Finding | FileCoverage) -> tuple[str, str]:
    path = item.location.path if isinstance(item, Finding) else item.path
    return path, repr(msgspec.structs.astuple(item))
