"""Making a decision again from what a ledger kept of it: the same, the other, or unknown, and never a guess.

The path is known by the template of the rule that decided, the principal by issuer, scopes, roles and the roles that the
bindings gave. What follows from these is decided; what does not is left open, each way is gone, and only where all ways
end alike there is an answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from guarita.policy.access import templates
from guarita.policy.access.bindings import Binding
from guarita.policy.access.interface import Decision, PrincipalData
from guarita.policy.access.made import Made
from guarita.policy.access.owners import Owner
from guarita.policy.access.policy import AccessPolicy
from guarita.policy.access.routes import METHOD, Rule

MAX_OPEN: Final = 6
"""Roles that may be held or not, beyond which the answer is unknown: each doubles the ways."""
Outcome = Literal["same", "opened", "closed", "unknown"]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as it was kept, how often it was made, and who asked for what, where that could be read."""

    made: Made
    count: int = 1
    path: str | None = None
    subject: str | None = None


class Remade(msgspec.Struct, frozen=True, kw_only=True):
    """What the candidate says to it."""

    kept: Kept
    outcome: Outcome
    """`opened`: refused then, let through by the candidate; `closed`: the other way round."""
    after: Decision | None = None
    """A decision of the candidate's, where it flips."""


def remake(old: AccessPolicy, new: AccessPolicy, kept: Iterable[Kept]) -> Iterator[Remade]:
    """Make each of them again by a candidate policy; `old` is the one of now, and helps where it is the one of then."""
    for one in kept:
        ways = list(_Case(old, new, one).decisions())
        allowed = {way.allowed for way in ways}
        if len(allowed) != 1:
            yield Remade(kept=one, outcome="unknown")
        elif allowed == {one.made.allowed}:
            yield Remade(kept=one, outcome="same")
        else:
            yield Remade(kept=one, outcome="closed" if one.made.allowed else "opened", after=ways[0])


_UNDECIDED: Final = (Decision(True, "access.granted"), Decision(False, "access.denied"))
_NO_RULE: Final = Decision(False, "access.no-rule")


@dataclass(frozen=True, eq=False)
class _Case:
    old: AccessPolicy
    new: AccessPolicy
    kept: Kept

    @property
    def same_policy(self) -> bool:
        """Whether the policy of now made the decision, so that what it says can be reasoned from."""
        return self.kept.made.policy == self.old.digest

    @property
    def was(self) -> Rule | None:
        """The rule that decided, as the policy of now has it."""
        rules = self.old.routes.rules if self.same_policy else ()
        return next((rule for rule in rules if rule.text == self.kept.made.rule), None)

    def decisions(self) -> Iterator[Decision]:
        """Every decision that the candidate may come to."""
        rules = self._rules()
        if rules is None:
            yield from _UNDECIDED
            return
        for rule in rules:
            if rule is None:
                yield _NO_RULE
            elif rule.public:
                yield rule.opened
            elif self.kept.made.known:
                yield from self._judged(rule)
            elif self.kept.made.code == "access.public":
                yield from _UNDECIDED  # whether he had a credential, nobody looked
            else:
                yield rule.closed

    def _rules(self) -> tuple[Rule | None, ...] | None:
        """The rules of the candidate that may decide, None among them for no rule; None where any might."""
        made, routes = self.kept.made, self.new.routes
        if not METHOD.fullmatch(made.method):
            return (None,) if made.code == "access.method" else None
        if self.kept.path is not None:
            return (routes.find(made.method, self.kept.path),)
        if made.rule:
            return routes.may_decide(
                made.method, templates.parse(made.rule.rpartition(" ")[2]), self._elsewhere()
            )
        # No rule covered the path, and none will if the candidate covers nothing that was not covered.
        applicable = [rule for rule in routes.rules if made.method in rule.covered or "*" in rule.methods]
        if self.same_policy and all(
            self.old.routes.covers(made.method, rule.template) for rule in applicable
        ):
            return (None,)
        return None

    def _elsewhere(self) -> list[templates.Template]:
        """Templates whose paths the decision was not about, since a more specific rule would have decided."""
        was = self.was
        if was is None:
            return []
        more = (rule for rule in self.old.routes.rules if was.template.covers(rule.template))
        method = self.kept.made.method
        return [
            rule.template
            for rule in more
            if rule.template.shape != was.template.shape and (method in rule.covered or "*" in rule.methods)
        ]

    def _judged(self, rule: Rule) -> Iterator[Decision]:
        sure, open_ = self._roles()
        if len(open_) > MAX_OPEN:
            yield from _UNDECIDED
            return
        for more in itertools.chain.from_iterable(
            itertools.combinations(open_, count) for count in range(len(open_) + 1)
        ):
            roles = sure.union(more)
            decision = self.new.judge(roles, rule)
            if not decision.allowed or not rule.owners:
                yield decision
                continue
            owned = {self._owns(owner, rule, roles) for owner in rule.owners}
            if False not in owned:
                yield decision
            if owned != {True}:
                yield Decision(False, "access.not-owner", rule.text, rule.place)

    def _roles(self) -> tuple[frozenset[str], tuple[str, ...]]:
        """The roles that the candidate's bindings give for sure, and those that they may give."""
        held, refuted = self._conditions()
        sure, open_ = set(), []
        for role, bindings in self.new.bindings.by_role.items():
            answers = {self._holds(binding, held, refuted) for binding in bindings}
            if True in answers or self._still(role, bindings, refuted):
                sure.add(role)
            elif None in answers:
                open_.append(role)
        return frozenset(sure), tuple(open_)

    def _conditions(self) -> tuple[set[object], set[object]]:
        """What the roles of then prove of the bindings of then: conditions that held, and that did not."""
        if not self.same_policy:
            return set(), set()
        roles = self.kept.made.roles
        refuted = {_condition(one) for one in self.old.bindings.bindings if one.role not in roles}
        held = set()
        for role in roles:
            left = self._left(role, refuted)
            if len(left) == 1:
                held |= left
        return held, refuted

    def _left(self, role: str, refuted: set[object]) -> set[object]:
        """The conditions by one of which the role was held."""
        return {
            _condition(one)
            for one in self.old.bindings.by_role.get(role, ())
            if self._holds(one, set(), refuted) is not False
        }

    def _still(self, role: str, bindings: Iterable[Binding], refuted: set[object]) -> bool:
        """Whether the role is held by whichever binding gave it, since the candidate has them all."""
        if not self.same_policy or role not in self.kept.made.roles:
            return False
        left = self._left(role, refuted)
        return bool(left) and left <= {_condition(one) for one in bindings}

    def _holds(self, binding: Binding, held: set[object], refuted: set[object]) -> bool | None:
        made, condition = self.kept.made, _condition(binding)
        if condition in refuted:
            return False
        if condition in held:
            return True
        answers: list[bool | None] = []
        if binding.issuer is not None:
            answers.append(binding.issuer == made.issuer)
        if binding.scope is not None:
            answers.append(binding.scope in made.scopes or (False if made.whole else None))
        if binding.credential_role is not None:
            answers.append(
                binding.credential_role in made.credential_roles or (False if made.whole else None)
            )
        if binding.subject is not None:
            known = self.kept.subject
            answers.append(None if known is None else binding.subject == known)
        if binding.claim is not None:
            answers.append(None)
        return _all(answers)

    def _owns(self, owner: Owner, rule: Rule, roles: frozenset[str]) -> bool | None:
        """Whether an ownership condition of the candidate's rule is met."""
        if owner.unless is not None and self.new.permits(roles, owner.unless):
            return True
        path, subject, made = self.kept.path, self.kept.subject, self.kept.made
        if owner.issuer is not None and owner.issuer != made.issuer:
            return False
        if path is not None and subject is not None and owner.claim is None:
            return owner.holds(
                PrincipalData(subject=subject, issuer=made.issuer), templates.split(path) or []
            )
        was = self.was
        if was is None or was.template.shape != rule.template.shape:
            return None
        before = [one for one in was.owners if _owned(one) == _owned(owner)]
        if before and made.allowed and before[0].unless is None:
            return True
        if before and made.code == "access.not-owner" and len(was.owners) == 1:
            return False
        return None


def _condition(binding: Binding) -> object:
    """What a binding asks for, whichever role it gives."""
    return (
        binding.issuer, binding.subject, binding.scope, binding.claim, binding.value, binding.credential_role
    )  # fmt: skip


def _owned(owner: Owner) -> object:
    return owner.position, owner.claim, owner.issuer


def _all(answers: Iterable[bool | None]) -> bool | None:
    """Conjunction of Kleene's: false where one is, else unknown where one is."""
    found = set(answers)
    return False if False in found else None if None in found else True
