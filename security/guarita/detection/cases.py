"""A rule's cases: events of which it is said how often the rule fires on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from guarita.audit.events.classes import NAMES
from guarita.config import read, strictyaml
from guarita.config.section import Section
from guarita.config.typed import decoded
from guarita.detection.engine.engine import Engine
from guarita.detection.errors import RuleError
from guarita.detection.sigma.load import CASES, load, rule_files

_START: Final = 1_764_000_000_000
_CLASSES: Final = {name: uid for uid, name in NAMES.items()}


class Step(Section, frozen=True, kw_only=True):
    """One event, or several alike. In texts `{i}` is the number of the event, from 0."""

    category: str
    set: dict[str, Any] = msgspec.field(default_factory=dict)
    at: float = 0
    """Seconds."""
    times: Annotated[int, Meta(ge=1, le=10_000)] = 1
    every: float = 1


class Case(Section, frozen=True, kw_only=True):
    """Events, and how often the rule fires on them."""

    name: str
    rule: str
    fires: int
    events: list[Step]
    until: float = 0
    """Seconds after which it is looked whether anything has not come."""


class Cases(Section, frozen=True, kw_only=True):
    """A file of cases."""

    cases: list[Case]


class Judged(msgspec.Struct, frozen=True):
    """How a case ended."""

    rule: str
    name: str
    holds: bool
    message: str = ""


def judged(places: Iterable[Path]) -> Iterator[Judged]:
    """Every case of the rules at these places; a file of rules without cases fails. Raises UsageError."""
    found = list(places)
    rules = load(found)
    for file in rule_files(found):
        beside = file.with_name(f"{file.name.rsplit('.', 1)[0]}{CASES}")
        if not beside.exists():
            yield Judged(file.name, "cases", False, f"{beside.name} is missing")
            continue
        for case in decoded(strictyaml.parse(read(beside), str(beside)), Cases).cases:
            if case.rule not in rules:
                raise RuleError("detection.case", f"{beside}: no rule is called {case.rule!r}")
            engine = Engine(rules)
            fired = [
                one
                for index, event in enumerate(sorted(_events(case), key=lambda event: event["time"]))
                for one in engine.feed(event, index)
            ]
            fired += engine.due(_START + round(case.until * 1000)) if case.until else ()
            count = sum(one.rule.name == case.rule for one in fired)
            yield Judged(case.rule, case.name, count == case.fires, f"fired {count} times, not {case.fires}")


def _events(case: Case) -> Iterator[dict[str, Any]]:
    for step in case.events:
        if step.category not in _CLASSES:
            raise RuleError("detection.case", f"{case.name}: {step.category!r} is no category")
        for number in range(step.times):
            event: dict[str, Any] = {
                "class_uid": _CLASSES[step.category],
                "time": _START + round((step.at + number * step.every) * 1000),
            }
            for name, value in step.set.items():
                here = event
                *parents, last = name.split(".")
                for part in parents:
                    here = here.setdefault(part, {})
                here[last] = value.replace("{i}", str(number)) if isinstance(value, str) else value
            yield event
