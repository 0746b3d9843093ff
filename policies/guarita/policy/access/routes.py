"""Route rules: which one decides about a request, by one stated order, or none.

Of all rules whose path and method match, the one whose path is the most specific decides: every path that it matches
is matched by all the others. Where two rules overlap and neither is the more specific one, so that both could claim a
path, they are refused when the policy is loaded, unless a third rule stands for exactly the paths that they share.
Between equal paths a named method goes before `*`, and HEAD, which GET covers (RFC 9110 section 9.3.2), before GET.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from guarita.policy.access import templates
from guarita.policy.access.interface import Decision, Place
from guarita.policy.access.owners import Owner

METHOD: Final = re.compile(r"[A-Z]{1,20}(?:-[A-Z]{1,20})*")
"""Methods that can be allowed. They are case-sensitive (RFC 9110 section 9.1), and some servers read `get` as `GET`."""


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """What a request must bring."""

    template: templates.Template
    methods: tuple[str, ...]
    place: Place
    permissions: tuple[str, ...] = ()
    public: bool = False
    privileged: bool = False
    owners: tuple[Owner, ...] = ()
    text: str = field(init=False)
    """As it is named in answers: `GET, POST /docs/{id}`."""
    opened: Decision = field(init=False)
    """The answer where nothing is left to ask."""
    closed: Decision = field(init=False)
    """The answer to nobody."""

    def __post_init__(self) -> None:
        text = f"{', '.join(self.methods)} {self.template.text}"
        code = "public" if self.public else "granted" if self.permissions else "authenticated"
        set_field = object.__setattr__
        set_field(self, "text", text)
        opened = Decision(
            True, f"access.{code}", text, self.place, public=self.public, privileged=self.privileged
        )
        set_field(self, "opened", opened)
        set_field(self, "closed", Decision(False, "access.unauthenticated", text, self.place))

    @property
    def covered(self) -> frozenset[str]:
        """Every method that it decides about where no other rule of its path does."""
        return frozenset(self.methods) | ({"HEAD"} if "GET" in self.methods else set())


class AmbiguousError(ValueError):
    """Two rules that could both decide about a request."""

    def __init__(self, one: Rule, other: Rule, methods: frozenset[str], shared: templates.Shape) -> None:
        super().__init__(f"{one.text} and {other.text}")
        self.rules = one, other
        self.methods = methods
        self.shared = "/" + "/".join("{…}" if part is None else part for part in shared[0])
        if shared[1]:
            self.shared = self.shared.rstrip("/") + "/{…...}"


@dataclass(slots=True, eq=False)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    here: _Group | None = None
    rest: _Group | None = None

    def children(self) -> Iterator[_Node]:
        yield from self.literals.values()
        if self.parameter is not None:
            yield self.parameter


@dataclass(slots=True, eq=False)
class _Group:
    """The rules of one shape of path."""

    template: templates.Template
    rules: dict[str, Rule] = field(default_factory=dict)

    def rule_for(self, method: str) -> Rule | None:
        found = self.rules.get(method)
        if found is None and method == "HEAD":
            found = self.rules.get("GET")
        return found or self.rules.get("*")

    def distinct(self) -> list[Rule]:
        return list(dict.fromkeys(self.rules.values()))

    def decides(self, methods: frozenset[str]) -> bool:
        return "*" in self.rules or methods <= frozenset().union(*(rule.covered for rule in self.distinct()))


class RouteTable:
    """All rules of a policy, as a tree of segments."""

    __slots__ = ("_groups", "_root", "rules")

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Order the rules.

        Raises AmbiguousError.
        """
        self.rules = tuple(rules)
        self._root = _Node()
        self._groups: dict[templates.Shape, _Group] = {}
        for rule in self.rules:
            self._insert(rule)
        for group in self._groups.values():
            self._check(group)

    def find(self, method: str, path: str) -> Rule | None:
        """The rule that decides about a request, or None."""
        if not METHOD.fullmatch(method) or (segments := templates.split(path)) is None:
            return None
        return next(
            (rule for group in _matching(self._root, segments) if (rule := group.rule_for(method))), None
        )

    def matching(self, method: str, path: str) -> list[Rule]:
        """Every rule that matches a request, the one that decides first."""
        if not METHOD.fullmatch(method) or (segments := templates.split(path)) is None:
            return []
        return [rule for group in _matching(self._root, segments) if (rule := group.rule_for(method))]

    def at(self, path: str) -> list[Rule]:
        """The rules that match a path, whatever the method."""
        segments = templates.split(path)
        groups = _matching(self._root, segments) if segments else ()
        return [rule for group in groups for rule in group.distinct()]

    def covers(self, method: str, template: templates.Template) -> bool:
        """Whether one of the rules decides about every path of a template."""
        return any(
            group.rule_for(method) is not None and group.template.covers(template)
            for group in self._groups.values()
        )

    def may_decide(
        self, method: str, template: templates.Template, but: Iterable[templates.Template] = ()
    ) -> tuple[Rule | None, ...]:
        """Every rule that may decide about a path of a template, None among them where no rule may.

        Paths that match a template of `but` are not meant.
        """
        groups = [
            group
            for group in self._groups.values()
            if group.rule_for(method) is not None and group.template.common(template) is not None
        ]
        covering = [group for group in groups if group.template.covers(template)]
        # Of those that match every path the one decides that all others cover.
        found = [
            group.rule_for(method)
            for group in covering
            if all(other.template.covers(group.template) for other in covering)
        ] or [None]
        elsewhere = tuple(but)
        inside = (group for group in groups if not group.template.covers(template))
        return (
            *found,
            *(
                group.rule_for(method)
                for group in inside
                if not any(other.covers(group.template) for other in elsewhere)
            ),
        )

    def _insert(self, rule: Rule) -> None:
        shape = rule.template.shape
        group = self._groups.get(shape)
        if group is None:
            group = self._groups[shape] = _Group(rule.template)
            node = self._root
            for segment in rule.template.segments:
                if segment is None:
                    node.parameter = node.parameter or _Node()
                    node = node.parameter
                else:
                    node = node.literals.setdefault(segment, _Node())
            if rule.template.rest:
                node.rest = group
            else:
                node.here = group
        for method in rule.methods:
            if method in group.rules:
                raise AmbiguousError(group.rules[method], rule, frozenset({method}), shape)
            group.rules[method] = rule

    def _check(self, group: _Group) -> None:
        mine = group.template
        for other in _overlapping(self._root, mine.segments, rest=mine.rest):
            theirs = other.template
            shared = mine.common(theirs)
            if shared is None or mine.covers(theirs) or theirs.covers(mine):
                continue
            for one in group.distinct():
                for two in other.distinct():
                    methods = _both(one, two)
                    third = self._groups.get(shared)
                    if methods and not (third and third.decides(methods)):
                        first, second = sorted((one, two), key=self.rules.index)
                        raise AmbiguousError(first, second, methods, shared)


def _both(one: Rule, other: Rule) -> frozenset[str]:
    if "*" in one.methods:
        return other.covered
    if "*" in other.methods:
        return one.covered
    return one.covered & other.covered


def _matching(node: _Node, segments: list[str], at: int = 0) -> Iterator[_Group]:
    """The groups that match, the most specific first: literal before parameter before rest, from the left."""
    if at == len(segments):
        if node.here is not None:
            yield node.here
        return
    segment = segments[at]
    if (child := node.literals.get(segment)) is not None:
        yield from _matching(child, segments, at + 1)
    if node.parameter is not None and segment:
        yield from _matching(node.parameter, segments, at + 1)
    if node.rest is not None:
        yield node.rest


def _overlapping(
    node: _Node, segments: tuple[str | None, ...], at: int = 0, *, rest: bool
) -> Iterator[_Group]:
    if at == len(segments):
        if rest:
            yield from _below(node)
        elif node.here is not None:
            yield node.here
        return
    if node.rest is not None:
        yield node.rest
    segment = segments[at]
    if segment is None:
        nodes = list(node.children())
    else:
        nodes = [child for child in (node.literals.get(segment), node.parameter) if child is not None]
    for child in nodes:
        yield from _overlapping(child, segments, at + 1, rest=rest)


def _below(node: _Node) -> Iterator[_Group]:
    if node.rest is not None:
        yield node.rest
    for child in node.children():
        if child.here is not None:
            yield child.here
        yield from _below(child)
