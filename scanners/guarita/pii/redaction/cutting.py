"""Elements of an XML part cut out, unwrapped or emptied, attributes dropped: in the raw text, the rest as it was."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple
from xml.parsers import expat  # the part has been vetted by whoever read its text

from guarita.pii.documents.interface import damaged
from guarita.pii.documents.xmltext import local, tag_end
from guarita.pii.redaction.raw import Change

Action = Literal["keep", "cut", "unwrap", "empty"]
"""Of an element: leave it, take it out with what is in it, take only its tags, or take only what is in it."""


class Rule(NamedTuple):
    """What is done to one element."""

    action: Action = "keep"
    ancestor: str = ""
    """`cut` the nearest element around of this name instead."""
    attributes: Mapping[str, str | None] = {}
    """Local names of attributes that get another value, or go."""


KEEP: Final = Rule()
Rules = Callable[[str, dict[str, str], tuple[str, ...]], Rule]
"""Takes an element's local name, its attributes by local name, and the names of the elements around it."""
_ATTRIBUTE: Final = re.compile(rb"""\s+((?:[^\s=/>:]+:)?([^\s=/>:]+))\s*=\s*("[^"]*"|'[^']*')""")


class _Open(NamedTuple):
    name: str
    low: int
    inside: int
    rule: Rule


def cuts(raw: bytes, rules: Rules) -> list[Change]:
    """What is to be changed in a part in UTF-8. Raises DocumentError where it is no XML."""
    made: list[Change] = []
    stack: list[_Open] = []
    wanted: set[int] = set()
    parser = expat.ParserCreate(namespace_separator="}")

    def start(name: str, attributes: dict[str, str]) -> None:
        low = parser.CurrentByteIndex
        named = {local(key): value for key, value in attributes.items()}
        rule = rules(local(name), named, tuple(element.name for element in stack))
        end = tag_end(raw, low)
        if rule.ancestor:
            wanted.update(
                next(([element.low] for element in reversed(stack) if element.name == rule.ancestor), [low])
            )
        if rule.attributes:
            made.extend(_attributes(raw, low, end, rule.attributes))
        stack.append(_Open(local(name), low, end, rule))

    def end(_: str) -> None:
        element, at = stack.pop(), parser.CurrentByteIndex
        # An element without content is one tag, and has no other to end it.
        alone = raw[element.inside - 2 : element.inside] == b"/>"
        inside = element.inside if alone else at
        closed = element.inside if alone else tag_end(raw, at)
        if element.rule.action == "cut" or element.low in wanted:
            made.append(Change(element.low, closed, ""))
        elif element.rule.action == "empty":
            made.append(Change(element.inside, inside, ""))
        elif element.rule.action == "unwrap":
            made.extend((Change(element.low, element.inside, ""), Change(inside, closed, "")))

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        raise damaged(f"a part is no XML (line {error.lineno})") from None
    return [change for change in made if change.low < change.high]


def _attributes(raw: bytes, low: int, high: int, wanted: Mapping[str, str | None]) -> list[Change]:
    made: list[Change] = []
    for match in _ATTRIBUTE.finditer(raw, low, high):
        name = match[2].decode()
        if match[1].startswith(b"xmlns") or name not in wanted:
            continue
        value = wanted[name]
        if value is None:
            made.append(Change(match.start(), match.end(), ""))
        else:
            made.append(Change(match.start(3), match.end(3), f'"{value}"'))
    return made
