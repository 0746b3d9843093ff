"""Where a policy asks for less than the one before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from guarita.config import ScanSection
from guarita.policy.gate.finding import Severity


def loosened(before: ScanSection, after: ScanSection) -> Iterator[str]:
    """What `after` forgives that `before` does not, a sentence each. What cannot be told to be stricter is said too."""
    if Severity(after.fail_on) > Severity(before.fail_on):
        yield f"fail_on goes from {before.fail_on} to {after.fail_on}"
    yield from _scanners(before, after)
    yield from (f"the exclusion {item.name} is new or wider" for item in _new(before.exclude, after.exclude))
    for item in _new(before.severity, after.severity):
        yield f"the severity of {item.rule} is set to {item.severity}"
    for item in _gone(before.severity, after.severity):
        yield f"the severity of {item.rule} is no longer set to {item.severity}"
    for item in _new(before.paths, after.paths):
        yield f"the threshold at {', '.join(item.paths)} is set to {item.fail_on}"
    for item in _gone(before.paths, after.paths):
        yield f"the threshold at {', '.join(item.paths)} is no longer set to {item.fail_on}"
    for item in _new(before.waivers, after.waivers):
        named = item.rule or item.fingerprint or "nothing"
        yield f"a waiver for {named} is new, wider or longer ({item.owner}, until {item.expires})"
    for item in _new(before.inline_suppressions.accept, after.inline_suppressions.accept):
        yield f"inline suppressions of {item.rule} are accepted"
    if after.baseline != before.baseline and after.baseline is not None:
        yield f"the baseline is {after.baseline}"
    if gone := [name for name in before.packs if name not in after.packs]:
        yield f"the packs {', '.join(gone)} are no longer asked for"
    yield from _limits(before, after)


def _scanners(before: ScanSection, after: ScanSection) -> Iterator[str]:
    if after.scanners is None:
        return
    if before.scanners is None:
        yield f"only the scanners {', '.join(after.scanners)} run"
    elif gone := [name for name in before.scanners if name not in after.scanners]:
        yield f"the scanners {', '.join(gone)} no longer run"


def _limits(before: ScanSection, after: ScanSection) -> Iterator[str]:
    if after.advisories_max_age > before.advisories_max_age:
        yield f"advisories may be {after.advisories_max_age} days old, no longer {before.advisories_max_age}"
    longest, now = before.max_waiver_days, after.max_waiver_days
    if longest is not None and (now is None or now > longest):
        yield "waivers may reach further"


def _new(before: Sequence[Any], after: Sequence[Any]) -> Iterable[Any]:
    known = {msgspec.json.encode(item) for item in before}
    return [item for item in after if msgspec.json.encode(item) not in known]


def _gone(before: Sequence[Any], after: Sequence[Any]) -> Iterable[Any]:
    return _new(after, before)
