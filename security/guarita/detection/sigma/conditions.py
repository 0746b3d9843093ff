"""From a condition's tree to a closure over events, and to the equality that every match of it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from sigma import conditions as c
from sigma import types as s

from guarita.detection.rule import Event
from guarita.detection.sigma.fields import Field, field, leaves
from guarita.detection.sigma.values import UnsupportedValueError, predicate, text_of

Required = dict[str, frozenset[str]]
"""By field, the values (in lower case) one of which every match has."""
_SELECTIVE: Final = ("status_code", "api.operation", "unmapped.guarita.code", "entity.type", "activity_name")


class Compiled(NamedTuple):
    """A condition that can be asked."""

    matches: Callable[[Event], bool]
    required: Required


def compiled(node: Any) -> Compiled:
    """Compile a condition as pySigma has parsed it. Raises UnsupportedValueError."""
    match node:
        case c.ConditionAND():
            return _and([compiled(one) for one in node.args])
        case c.ConditionOR():
            return _or([compiled(one) for one in node.args])
        case c.ConditionNOT():
            inner = compiled(node.args[0]).matches
            return Compiled(lambda event: not inner(event), {})
        case c.ConditionFieldEqualsValueExpression():
            return _field(node.field, node.value)
        case c.ConditionValueExpression():
            found = predicate(node.value, keyword=isinstance(node.value, s.SigmaString))
            return Compiled(lambda event: any(found(value) for value in leaves(event)), {})
    raise UnsupportedValueError("the condition is empty")


def selective(required: Required) -> tuple[Field, frozenset[str]] | None:
    """The equality that tells most events apart, where there is one."""
    for name in (*_SELECTIVE, *sorted(required)):
        if name in required:
            return field(name), required[name]
    return None


def _and(parts: list[Compiled]) -> Compiled:
    tests = [part.matches for part in parts]
    required: Required = {}
    for part in parts:
        for name, values in part.required.items():
            if name not in required or len(values) < len(required[name]):
                required[name] = values

    def both(event: Event) -> bool:
        for one in tests:  # noqa: SIM110  # a generator would cost more than most tests
            if not one(event):
                return False
        return True

    return Compiled(both, required)


def _or(parts: list[Compiled]) -> Compiled:
    tests = [part.matches for part in parts]
    shared = set.intersection(*(set(part.required) for part in parts))

    def either(event: Event) -> bool:
        for one in tests:  # noqa: SIM110  # as above
            if one(event):
                return True
        return False

    return Compiled(
        either, {name: frozenset().union(*(part.required[name] for part in parts)) for name in shared}
    )


def _field(name: str, value: s.SigmaType) -> Compiled:
    read = field(name).read
    match value:
        case s.SigmaNull():
            return Compiled(lambda event: all(found is None for found in read(event)), {})
        case s.SigmaExists():
            wanted = value.exists
            return Compiled(lambda event: bool(read(event)) is wanted, {})
        case s.SigmaFieldReference():
            return Compiled(_same(read, value), {})
        case s.SigmaString() if value.s == [s.SpecialChars.WILDCARD_MULTI]:
            return Compiled(lambda event: any(found is not None for found in read(event)), {})
    found_by = predicate(value)

    def matches(event: Event) -> bool:
        for found in read(event):  # noqa: SIM110  # as above
            if found_by(found):
                return True
        return False

    return Compiled(matches, _equality(name, value))


def _equality(name: str, value: s.SigmaType) -> Required:
    match value:
        case s.SigmaString() if all(isinstance(part, str) for part in value.s):
            return {name: frozenset({"".join(str(part) for part in value.s).lower()})}
        case s.SigmaNumber() if isinstance(value.number, int):
            # 5 and 5.0 are one number and two texts.
            return {name: frozenset({str(value.number), f"{value.number}.0"})}
    return {}


def _same(read: Callable[[Event], tuple[Any, ...]], value: s.SigmaFieldReference) -> Callable[[Event], bool]:
    other = field(value.field).read

    def same(one: Any, two: Any) -> bool:
        if not (value.starts_with or value.ends_with):
            return type(one) is type(two) and (one.lower() == two.lower() if type(one) is str else one == two)
        text, part = text_of(one), text_of(two)
        if text is None or part is None:
            return False
        text, part = text.lower(), part.lower()
        match value.starts_with, value.ends_with:
            case True, True:
                return part in text
            case True, False:
                return text.startswith(part)
        return text.endswith(part)

    return lambda event: any(same(one, two) for one in read(event) for two in other(event))
