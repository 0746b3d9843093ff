"""From a value of a rule to a test of one value of an event.

Text is compared as the specification says: without regard to case, `*` for any characters and `?` for one, unless
`cased` or `re` is asked for. https://sigmahq.io/sigma-specification/specification/sigma-rules-specification.html
"""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable
from typing import Any, Final

import re2
from sigma import types as s

from guarita.detection.sigma.fields import Sealed

Test = Callable[[Any], bool]
_COMPARE: Final[dict[s.CompareOperators, Callable[[Any, Any], bool]]] = {
    s.CompareOperators.LT: operator.lt,
    s.CompareOperators.LTE: operator.le,
    s.CompareOperators.GT: operator.gt,
    s.CompareOperators.GTE: operator.ge,
}
_FLAGS: Final = {
    s.SigmaRegularExpressionFlag.IGNORECASE: "i",
    s.SigmaRegularExpressionFlag.MULTILINE: "m",
    s.SigmaRegularExpressionFlag.DOTALL: "s",
}


class UnsupportedValueError(ValueError):
    """A value that cannot be evaluated over the ledger; says why."""


def text_of(value: Any) -> str | None:
    """A plain value as text; None for one that is sealed, or is no plain value."""
    match value:
        case Sealed():
            return None
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
    return None


def predicate(value: s.SigmaType, *, keyword: bool = False) -> Test:
    """The test of this value. A `keyword` is looked for anywhere in a text. Raises UnsupportedValueError."""
    match value:
        case s.SigmaExpansion():
            tests = [predicate(one, keyword=keyword) for one in value.values]
            return lambda found: any(one(found) for one in tests)
        case s.SigmaString():
            return _text(value, cased=isinstance(value, s.SigmaCasedString), keyword=keyword)
        case s.SigmaTimestampPart():
            raise UnsupportedValueError("parts of times are not supported")
        case s.SigmaNumber():
            number = value.number
            text = str(number)
            return lambda found: (
                found == number if type(found) in {int, float} else type(found) is str and found == text
            )
        case s.SigmaBool():
            said = value.boolean
            return lambda found: found is said or (type(found) is str and found.lower() == str(said).lower())
        case s.SigmaRegularExpression():
            return _pattern(value)
        case s.SigmaCIDRExpression():
            return _network(value)
        case s.SigmaCompareExpression() if value.op in _COMPARE:
            compare, bound = _COMPARE[value.op], value.number.number
            return lambda found: type(found) in {int, float} and compare(found, bound)
    raise UnsupportedValueError(f"values of the kind {type(value).__name__} are not supported")


def _text(value: s.SigmaString, *, cased: bool, keyword: bool) -> Test:
    if any(isinstance(part, s.Placeholder) for part in value.s):
        raise UnsupportedValueError("placeholders are not supported: nothing expands them")
    parts: list[Any] = [part if cased or not isinstance(part, str) else part.lower() for part in value.s]
    if keyword:
        parts = [s.SpecialChars.WILDCARD_MULTI, *parts, s.SpecialChars.WILDCARD_MULTI]
    plain = _plain(parts)
    if plain is None:
        # RE2 takes linear time, whatever stands in an event.
        body = "".join(re2.escape(p) if isinstance(p, str) else _WILDCARDS[p] for p in parts)
        matches = re2.compile(f"(?s:{body})").fullmatch

        def plain(text: str) -> bool:
            return matches(text) is not None

    compare: Callable[[str], bool] = plain

    def found(one: Any) -> bool:
        text = one if type(one) is str else text_of(one)
        return text is not None and compare(text if cased else text.lower())

    return found


_MANY: Final = s.SpecialChars.WILDCARD_MULTI
_WILDCARDS: Final = {s.SpecialChars.WILDCARD_MULTI: ".*", s.SpecialChars.WILDCARD_SINGLE: "."}


def _plain(parts: list[Any]) -> Callable[[str], bool] | None:
    """The test without a pattern, for the forms that rules mostly have."""
    match parts:
        case []:
            return lambda text: not text
        case [str() as word]:
            return lambda text: text == word
        case [str() as word, last] if last is _MANY:
            return lambda text: text.startswith(word)
        case [first, str() as word] if first is _MANY:
            return lambda text: text.endswith(word)
        case [first, str() as word, last] if first is _MANY and last is _MANY:
            return lambda text: word in text
    return None


def _pattern(value: s.SigmaRegularExpression) -> Test:
    flags = "".join(sorted(_FLAGS[flag] for flag in value.flags))
    pattern = value.regexp.to_plain(regex=True)
    try:
        search = re2.compile(f"(?{flags}:{pattern})" if flags else pattern).search
    except re2.error as error:
        raise UnsupportedValueError(
            "the pattern is not one of RE2, which has neither look-around nor back-references"
        ) from error

    def found(one: Any) -> bool:
        text = text_of(one)
        return text is not None and search(text) is not None

    return found


def _network(value: s.SigmaCIDRExpression) -> Test:
    network = value.network

    def found(one: Any) -> bool:
        if type(one) is not str or not re.fullmatch(r"[0-9A-Fa-f:.]{2,45}", one):
            return False
        try:
            return ipaddress.ip_address(one) in network
        except ValueError:
            return False

    return found
