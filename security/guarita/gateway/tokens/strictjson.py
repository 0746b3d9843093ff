"""JSON as a token may hold it: RFC 8259 in UTF-8, an object, no name twice, nothing that reads two ways."""

from __future__ import annotations

import json
from typing import Any, NoReturn

MAX_DEPTH = 16
"""How deep objects and lists may be nested."""


class StrictJsonError(ValueError):
    """Not acceptable; the text says why and quotes nothing."""


def parse(raw: bytes) -> dict[str, Any]:
    """Decode a JSON object.

    Refuses what parsers disagree about: a name that stands twice (RFC 8725 section 2.6 is about such
    confusions), other encodings than UTF-8 and a byte order mark (RFC 8259 section 8.1), NaN and Infinity,
    lone surrogates (section 8.2), nesting beyond MAX_DEPTH. Raises StrictJsonError.
    """
    try:
        text = raw.decode("utf-8")
        value = _DECODER.decode(text)
    except StrictJsonError:
        raise
    except (ValueError, RecursionError) as error:
        raise StrictJsonError("it is not JSON in UTF-8") from error
    if type(value) is not dict:
        raise StrictJsonError("it is no object")
    # Only an escape can make a lone surrogate, and only brackets can nest.
    if "\\u" in text:
        _no_surrogates(value)
    if text.count("{") + text.count("[") > MAX_DEPTH:
        _bounded(value, MAX_DEPTH)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise StrictJsonError("a name stands in it twice")
    return found


def _constant(_: str) -> NoReturn:
    raise StrictJsonError("it holds a number that JSON does not have")


def _float(text: str) -> float:
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise StrictJsonError("it holds a number that is too large")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant, parse_float=_float)


def _no_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise StrictJsonError("it holds half of a character") from error


def _bounded(value: Any, depth: int) -> None:
    if not isinstance(value, dict | list):
        return
    if not depth:
        raise StrictJsonError("it is nested too deeply")
    for inner in value.values() if isinstance(value, dict) else value:
        _bounded(inner, depth - 1)
