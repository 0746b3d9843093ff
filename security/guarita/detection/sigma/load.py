"""From files to compiled rules: every one that cannot be evaluated is refused with file, line and reason."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from sigma import correlations as k
from sigma.exceptions import SigmaError
from sigma.rule import SigmaLevel, SigmaRule

from guarita.audit.events.common import Level
from guarita.config import read, strictyaml
from guarita.config.detection import RuleOverride
from guarita.config.strictyaml import Document
from guarita.detection.errors import RuleError
from guarita.detection.rule import Correlation, EventRule, Kind, Rule
from guarita.detection.sigma import checks
from guarita.detection.sigma.conditions import compiled, selective
from guarita.detection.sigma.fields import field, known
from guarita.detection.sigma.values import UnsupportedValueError

PACK: Final = Path(__file__).parent.parent / "rules"
CASES: Final = ".cases.yaml"
MAX_THRESHOLD: Final = 100_000
_LEVELS: Final[dict[SigmaLevel, Level]] = {
    SigmaLevel.INFORMATIONAL: "info",
    SigmaLevel.LOW: "low",
    SigmaLevel.MEDIUM: "medium",
    SigmaLevel.HIGH: "high",
    SigmaLevel.CRITICAL: "critical",
}
_HOLDS: Final[dict[str, Callable[[int, int], bool]]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "eq": operator.eq,
    "neq": operator.ne,
}
_ABSENT: Final = {("lt", 1), ("lte", 0), ("eq", 0)}
_COUNTING: Final = {"event_count", "value_count"}
_TEMPORAL: Final = {"temporal", "temporal_ordered"}


def rule_files(places: Iterable[Path]) -> Iterator[Path]:
    """The files of rules at these places: files, or folders with everything below. Raises RuleError."""
    for place in places:
        found = sorted(place.rglob("*.y*ml")) if place.is_dir() else [place]
        files = [file for file in found if not file.name.endswith(CASES)]
        if not files:
            raise RuleError("detection.no-rules", f"{place}: no rules here")
        yield from files


def load(places: Iterable[Path], overrides: Mapping[str, RuleOverride] | None = None) -> dict[str, Rule]:
    """The rules at these places by name, those first that others refer to.

    Raises RuleError `detection.rule`, and the codes of `config.read` and `strictyaml.parse`.
    """
    parsed: dict[str, _Parsed] = {}
    for file in rule_files(places):
        for document in strictyaml.parse_all(read(file), str(file)):
            one = _Parsed(document)
            for name in {one.name, one.rule_id} - {""}:
                if name in parsed:
                    raise checks.error(document, (), f"{name} is the name of two rules")
                parsed[name] = one
    given = dict(overrides or {})
    for name in given:
        if name not in parsed:
            raise RuleError("detection.rule", f"detection.overrides: no rule is called {name!r}")
    return _Compiler(parsed, given).all()


class _Parsed:
    """A document, checked and read by pySigma."""

    def __init__(self, document: Document) -> None:
        checks.head(document)
        self.document = document
        data = document.data
        self.classes: frozenset[int] = frozenset()
        kind: type[SigmaRule | k.SigmaCorrelationRule] = k.SigmaCorrelationRule
        if "detection" in data:
            self.classes = checks.classes(document)
            checks.detection(document, self.classes)
            kind = SigmaRule
        try:
            self.sigma = kind.from_dict(data)
        except (SigmaError, TypeError, AttributeError) as error:
            # pySigma raises the latter two where a value has a type that it did not expect.
            where: tuple[str, ...] = ("detection" if self.classes else "correlation",)
            raise checks.error(document, where, f"{error}") from error
        self.rule_id = "" if self.sigma.id is None else str(self.sigma.id)
        self.name = self.sigma.name or self.rule_id
        if not self.name:
            raise checks.error(document, (), "a rule has a `name` or an `id`")
        ours = data.get("guarita", {"until": ""})
        if not isinstance(ours, dict) or set(ours) != {"until"} or not isinstance(ours["until"], str):
            raise checks.error(document, ("guarita",), "holds `until` alone, the name of a rule")
        self.until = ours["until"]


class _Compiler:
    def __init__(self, parsed: dict[str, _Parsed], overrides: dict[str, RuleOverride]) -> None:
        self._parsed = parsed
        self._overrides = overrides
        self._done: dict[str, Rule] = {}
        self._under: list[str] = []
        self._referred = {
            self._named(one, reference).name
            for one in parsed.values()
            if isinstance(one.sigma, k.SigmaCorrelationRule) and not one.sigma.generate
            for reference in self._references(one)
        }
        self._referred |= {until for one in parsed.values() if (until := one.until)}

    def all(self) -> dict[str, Rule]:
        for one in self._parsed.values():
            if self._enabled(one):
                self._compile(one)
        return self._done

    def _enabled(self, one: _Parsed) -> bool:
        said = self._overrides.get(one.name)
        return said is None or said.enabled

    def _compile(self, one: _Parsed) -> Rule:
        if one.name in self._done:
            return self._done[one.name]
        if one.name in self._under:
            raise checks.error(one.document, ("correlation", "rules"), "the rule refers to itself")
        self._under.append(one.name)
        made = (
            self._event(one, one.sigma)
            if isinstance(one.sigma, SigmaRule)
            else self._correlation(one, one.sigma)
        )
        self._under.pop()
        self._done[one.name] = made
        return made

    def _head(self, one: _Parsed) -> dict[str, Any]:
        said = self._overrides.get(one.name)
        level = _LEVELS[one.sigma.level] if one.sigma.level else "medium"
        return {
            "name": one.name,
            "rule_id": one.rule_id,
            "title": one.sigma.title,
            "level": (said and said.level) or level,
            "tags": tuple(str(tag) for tag in one.sigma.tags),
            "output": one.name not in self._referred,
            "place": f"{one.document.source}:{one.document.line(())}",
        }

    def _event(self, one: _Parsed, rule: SigmaRule) -> EventRule:
        try:
            made = compiled(rule.detection.parsed_condition[0].parsed)
        except (SigmaError, UnsupportedValueError) as error:
            raise checks.error(one.document, ("detection",), str(error)) from error
        for number, name in enumerate(rule.fields):
            if not isinstance(name, str) or not known(name, one.classes):
                raise checks.error(
                    one.document, ("fields", number), "no event of this category has this field"
                )
        said = self._overrides.get(one.name)
        if said is not None and (said.threshold is not None or said.timespan is not None):
            raise checks.error(one.document, (), "a rule on single events has neither threshold nor timespan")
        return EventRule(
            **self._head(one),
            classes=one.classes,
            matches=made.matches,
            required=selective(made.required),
            shown=tuple(field(name) for name in rule.fields),
        )

    def _correlation(self, one: _Parsed, rule: k.SigmaCorrelationRule) -> Correlation:
        of = [self._compile(self._named(one, reference)) for reference in self._references(one)]
        kind, word, count = self._condition(one, rule, len(of))
        group_by = tuple(rule.group_by or ())
        said = self._overrides.get(one.name)
        span = rule.timespan.seconds
        if said is not None and said.timespan is not None:
            span = k.SigmaCorrelationTimespan(said.timespan).seconds
        until = self._until(one)
        holds: Callable[[int, int], bool] = _HOLDS.get(word, _HOLDS["gte"])
        names = [each.name for each in of] + ([until] if until else [])
        return Correlation(
            **self._head(one),
            kind=kind,
            of=tuple(each.name for each in of),
            group_by=group_by,
            fields={name: self._fields(one, rule, name, group_by) for name in names},
            span=span * 1000,
            holds=lambda number: holds(number, count),
            threshold=count,
            value=self._value(one, rule, of) if kind == "value_count" else None,
            until=until,
        )

    def _references(self, one: _Parsed) -> list[str]:
        rule = one.sigma
        if not isinstance(rule, k.SigmaCorrelationRule) or not rule.rules:
            raise checks.error(one.document, ("correlation", "rules"), "name the rules that it is about")
        return [reference.reference for reference in rule.rules]

    def _named(self, one: _Parsed, reference: str) -> _Parsed:
        if reference not in self._parsed:
            raise checks.error(one.document, ("correlation",), f"no rule is called {reference!r}")
        return self._parsed[reference]

    def _condition(self, one: _Parsed, rule: k.SigmaCorrelationRule, rules: int) -> tuple[Kind, str, int]:
        said = self._overrides.get(one.name)
        kind, condition, document = str(rule.type), rule.condition, one.document
        at = ("correlation", "condition")
        if kind not in _COUNTING | _TEMPORAL:
            raise checks.error(document, ("correlation", "type"), f"{kind} is not supported")
        if not isinstance(condition, k.SigmaCorrelationCondition) or condition.percentile is not None:
            raise checks.error(document, at, "is an operator and a number here")
        word, count = condition.op.name.lower(), condition.count
        if said is not None and said.threshold is not None:
            count = said.threshold
        if not isinstance(count, int) or not 0 <= count <= MAX_THRESHOLD:
            raise checks.error(document, at, f"a whole number up to {MAX_THRESHOLD}")
        if kind == "event_count" and (word, count) in _ABSENT:
            return "absence", word, 1
        if word not in _HOLDS:
            raise checks.error(document, at, f"{word} {count} is not supported", "`lt: 1` is an absence")
        if kind in _TEMPORAL:
            whole = (word in {"gte", "eq"} and count == rules) or (word == "gt" and count == rules - 1)
            if kind == "temporal_ordered" and not whole:
                raise checks.error(document, at, "all rules must have matched, in their order")
            return ("temporal" if kind == "temporal" else "temporal_ordered"), word, count + (word == "gt")
        if count == 0 and word in {"gte", "eq"}:
            raise checks.error(document, at, "holds always, or never")
        return ("value_count" if kind == "value_count" else "event_count"), word, count

    def _until(self, one: _Parsed) -> str | None:
        return self._compile(self._named(one, one.until)).name if one.until else None

    def _value(self, one: _Parsed, rule: k.SigmaCorrelationRule, of: list[Rule]) -> Any:
        condition = rule.condition
        name = condition.fieldref if isinstance(condition, k.SigmaCorrelationCondition) else None
        if not isinstance(name, str):
            raise checks.error(one.document, ("correlation", "condition", "field"), "is one field here")
        for each in of:
            self._must_know(one, each, name, ("correlation", "condition", "field"))
        return field(name)

    def _fields(
        self, one: _Parsed, rule: k.SigmaCorrelationRule, name: str, group_by: tuple[str, ...]
    ) -> tuple[Any, ...]:
        made, answer = self._done[name], []
        for each in group_by:
            alias = rule.aliases.aliases.get(each)
            path = each
            if alias is not None:
                by_rule = {self._named(one, ref.reference).name: at for ref, at in alias.mapping.items()}
                if name not in by_rule:
                    raise checks.error(
                        one.document, ("correlation", "aliases", each), f"lacks the rule {name}"
                    )
                path = by_rule[name]
            self._must_know(one, made, path, ("correlation", "group-by"))
            answer.append(field(path))
        return tuple(answer)

    @staticmethod
    def _must_know(one: _Parsed, rule: Rule, name: str, path: tuple[str, ...]) -> None:
        there = name in rule.group_by if isinstance(rule, Correlation) else known(name, rule.classes)
        if not there:
            raise checks.error(one.document, path, f"nothing that {rule.name} matches has the field {name}")
