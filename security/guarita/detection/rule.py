"""What rules are once they are compiled, and what they detect."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from guarita.audit.events.common import Level
from guarita.detection.sigma.fields import Field

Event = Mapping[str, Any]
Kind = Literal["event", "event_count", "value_count", "temporal", "temporal_ordered", "absence"]
Group = tuple[tuple[str, str], ...]
"""The fields that a rule groups by, each with its value."""
EVIDENCE: Final = 50
"""Entries that a detection names at most."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """What every rule has."""

    name: str
    """Its `name`, or its `id` where it has none."""
    rule_id: str
    title: str
    level: Level
    tags: tuple[str, ...]
    output: bool
    """Whether it detects by itself, and not only for the correlations that refer to it."""
    place: str
    """FILE:LINE."""


@dataclass(frozen=True, kw_only=True)
class EventRule(Head):
    """A rule on single events."""

    classes: frozenset[int]
    matches: Callable[[Event], bool]
    required: tuple[Field, frozenset[str]] | None
    """An equality that every match has, by which the rule is found: the field, and its values in lower case."""
    shown: tuple[Field, ...]
    """`fields`: what is told of an event that matches."""


@dataclass(frozen=True, kw_only=True)
class Correlation(Head):
    """A rule on several matches of other rules within a time."""

    kind: Kind
    of: tuple[str, ...]
    """The rules that it refers to."""
    group_by: tuple[str, ...]
    fields: Mapping[str, tuple[Field, ...]]
    """For each rule that it refers to, where the values of `group_by` stand in its events."""
    span: int
    """ms. Two events this far apart are still within it."""
    holds: Callable[[int], bool]
    threshold: int
    value: Field | None = None
    """Of `value_count`: whose values are counted."""
    until: str | None = None
    """Of an absence: a match of this rule says that nothing more is to be expected of the group."""


Rule = EventRule | Correlation


class Detection(msgspec.Struct, frozen=True, kw_only=True):
    """A rule matched."""

    rule: Head
    kind: Kind
    time: int
    """ms since the epoch."""
    group: Group
    first: int
    last: int
    count: int
    index: int
    """The entry that completed it; -1 for what is in no entry."""
    evidence: Sequence[int] = ()
    values: int | None = None
    span: int = 0

    @property
    def key(self) -> str:
        """Rule and group: the same in every window."""
        return key(self.rule.name, self.group)

    @property
    def uid(self) -> str:
        """Rule, group and window: the same whoever evaluates the ledger, and however often."""
        return _digest(self.rule.name, self.group, self.time, self.index)


def key(rule: str, group: Group) -> str:
    """A short name for a rule and a group."""
    return _digest(rule, group)


def _digest(*parts: object) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]
