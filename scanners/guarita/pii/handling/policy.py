"""The policy of handling, compiled: a detection, where it comes from and whose it is go in, a decision comes out."""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Sequence
from typing import Final

from guarita.config.pii_handling import HandlingRule, HandlingSection
from guarita.pii.handling.classes import DataClass, class_of
from guarita.pii.handling.interface import Decision, Handling, Method
from guarita.pii.interface import Detection

BUILTIN: Final = (
    HandlingRule(
        name="builtin-sensitive",
        classes=["sensitive"],
        decision="block",
        basis="LGPD art. 11; GDPR art. 9 and 10",
    ),
    HandlingRule(
        name="builtin-children", classes=["children"], decision="block", basis="LGPD art. 14; GDPR art. 8"
    ),
    HandlingRule(
        name="builtin-credential",
        classes=["credential"],
        decision="block",
        basis="LGPD art. 46; GDPR art. 32",
    ),
    HandlingRule(
        name="builtin-suspect", suspect=True, decision="review", basis="LGPD art. 6 V; GDPR art. 5(1)(d)"
    ),
)
"""What holds where no rule of guarita.yaml matches before."""
OTHERWISE: Final = "otherwise"


class HandlingPolicy:
    """The rules that hold for one document: of one tenant, from one source."""

    def __init__(self, section: HandlingSection, *, tenant: str = "", source: str = "") -> None:
        """`tenant` and `source` are what rules may name; an empty one meets only rules that name none."""
        rules = [*section.rules, *(BUILTIN if section.builtin else ())]
        self._rules: Sequence[_Rule] = [
            _Rule(rule, Method(section.method))
            for rule in rules
            if _named(rule.tenants, tenant) and _named(rule.sources, source)
        ]
        self._otherwise = Handling(Decision(section.otherwise), Method(section.method), OTHERWISE)

    def decide(self, detection: Detection, value: str) -> Handling:
        """What is done about a detection whose text is `value`: by the first rule that matches."""
        data_class = class_of(detection.entity, value)
        for rule in self._rules:
            if rule.matches(detection, data_class):
                return rule.handling
        return self._otherwise

    def may_need(self, methods: Sequence[Method]) -> bool:
        """Whether some datum could be redacted by one of these methods."""
        handlings = [*(rule.handling for rule in self._rules), self._otherwise]
        return any(one.decision is Decision.REDACT and one.method in methods for one in handlings)


class _Rule:
    def __init__(self, rule: HandlingRule, method: Method) -> None:
        self._rule = rule
        self._classes = None if rule.classes is None else frozenset(map(DataClass, rule.classes))
        self._entities = None if rule.entities is None else _any_of(tuple(rule.entities))
        self.handling = Handling(
            Decision(rule.decision), Method(rule.method) if rule.method else method, rule.name, rule.basis
        )

    def matches(self, detection: Detection, data_class: DataClass) -> bool:
        rule = self._rule
        return (
            (self._classes is None or data_class in self._classes)
            and (self._entities is None or self._entities.fullmatch(detection.entity) is not None)
            and (rule.suspect is None or rule.suspect == detection.suspect)
            and detection.score >= rule.min_score
            and (rule.below is None or detection.score < rule.below)
        )


@functools.lru_cache(maxsize=256)
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in patterns))


def _named(patterns: Sequence[str] | None, name: str) -> bool:
    """`*` alone is special in a rule: a source may hold brackets and question marks."""
    if patterns is None:
        return True
    return bool(name) and any(
        re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name, re.DOTALL) for pattern in patterns
    )
