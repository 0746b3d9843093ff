"""Fields of rules: the paths of our OCSF events, and how their values are read."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from guarita.audit.events.classes import CLASSES, Event
from guarita.audit.sealing.token import PREFIX

SEALED_FIELDS: Final = frozenset({"src_endpoint.uid", "unmapped.guarita.path"})
"""Always sealed: they can be grouped, counted and compared with another field, never with a text."""
_PSEUDONYM: Final = len(PREFIX) + 22


class Sealed(str):
    """A sealed value, as the name of the key that it is sealed under: one for each person. No text equals it."""

    __slots__ = ()


@dataclass(frozen=True)
class Field:
    """A field, and how its values are read from an event: none where it is missing, several out of lists."""

    name: str
    read: Callable[[Mapping[str, Any]], tuple[Any, ...]]


def field(name: str) -> Field:
    """The field of this dotted path."""
    parts = tuple(name.split("."))

    def read(event: Mapping[str, Any]) -> tuple[Any, ...]:
        here: Any = event
        for number, part in enumerate(parts):
            if type(here) is dict:
                if part not in here:
                    return ()
                here = here[part]
            else:
                return _within(here, parts[number:])
        if type(here) is str:
            return (Sealed(here[:_PSEUDONYM]) if here.startswith(PREFIX) else here,)
        return _within(here, ()) if type(here) is list else (here,)

    return Field(name, read)


def _within(here: Any, parts: tuple[str, ...]) -> tuple[Any, ...]:
    """The values below `here`; a list stands for each of its elements."""
    if type(here) is list:
        return tuple(value for item in here for value in _within(item, parts))
    if not parts:
        return (Sealed(here[:_PSEUDONYM]) if type(here) is str and here.startswith(PREFIX) else here,)
    return _within(here[parts[0]], parts[1:]) if type(here) is dict and parts[0] in here else ()


def leaves(value: Any) -> typing.Iterator[Any]:
    """Every plain value anywhere in an event, for keywords."""
    if type(value) is dict:
        for inner in value.values():
            yield from leaves(inner)
    elif type(value) is list:
        for inner in value:
            yield from leaves(inner)
    elif type(value) is str and value.startswith(PREFIX):
        yield Sealed(value[:_PSEUDONYM])
    else:
        yield value


def known(name: str, classes: frozenset[int]) -> bool:
    """Whether an event of one of these classes may have this field. Below `unmapped.guarita` anything may stand."""
    parts = name.split(".")
    if parts[0] == "unmapped":
        return len(parts) > 2 and parts[1] == "guarita"  # noqa: PLR2004
    return any(_has(CLASSES[uid], parts) for uid in classes)


def _has(kind: type[Event], parts: list[str]) -> bool:
    here: set[Any] = {kind}
    for part in parts:
        hints = [typing.get_type_hints(one) for one in here if _is_struct(one)]
        here = {inner for found in hints if part in found for inner in _alternatives(found[part])}
        if not here:
            return False
    return not any(_is_struct(one) for one in here)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _alternatives(hint: Any) -> set[Any]:
    if typing.get_origin(hint) is list:
        return _alternatives(typing.get_args(hint)[0])
    if (inner := typing.get_args(hint)) and typing.get_origin(hint) not in {dict, typing.Literal}:
        return {one for option in inner for one in _alternatives(option)}
    return set() if hint is msgspec.UnsetType else {hint}
