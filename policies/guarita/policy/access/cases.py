"""Policy tests as a file: who asks for what, and what must come of it."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from guarita import config
from guarita.config import strictyaml
from guarita.config.typed import decoded
from guarita.policy.access.interface import CODES, Decision, Place, PrincipalData
from guarita.policy.access.policy import AccessPolicy

NOBODY = "anonymous"
"""The principal that has no credential, which need not be declared."""


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One test."""

    name: Annotated[str, Meta(min_length=1)]
    principal: str | PrincipalData
    """One of the file's principals by name, `anonymous`, or one written here."""
    request: Annotated[str, Meta(pattern=r"^\S+ /", description="GET /docs/42")]
    expected: Annotated[str, Meta(description="allow, deny, or a code such as access.not-owner")]


class CaseFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """policy-tests.yaml."""

    principals: dict[str, PrincipalData] = msgspec.field(default_factory=dict)
    tests: Annotated[list[Case], Meta(min_length=1)]


class Ran(msgspec.Struct, frozen=True):
    """What came of a test."""

    name: str
    place: Place
    request: str
    expected: str
    decision: Decision
    passed: bool


class Cases:
    """The tests of one file."""

    def __init__(self, text: bytes, source: str) -> None:
        """Read them.

        Raises UsageError: as `guarita.config`, `access.unknown-principal`, `access.principal`, `access.expected`.
        """
        document = strictyaml.parse(text, source)
        read = decoded(document, CaseFile)
        for name, principal in read.principals.items():
            _somebody(document, principal, ("principals", name))
        self._cases: list[tuple[Case, PrincipalData, Place]] = []
        for index, case in enumerate(read.tests):
            at: strictyaml.Path = ("tests", index)
            if case.expected not in {"allow", "deny", *CODES}:
                near = difflib.get_close_matches(case.expected, ["allow", "deny", *CODES], n=1)
                hint = f"did you mean {near[0]!r}?" if near else "allow, deny, or a code"
                raise document.error("access.expected", (*at, "expected"), "no such outcome", hint)
            principal = _principal(document, read, case, (*at, "principal"))
            self._cases.append((case, principal, Place(source, document.line(at))))

    def run(self, policy: AccessPolicy) -> tuple[Ran, ...]:
        """Decide every one of them."""
        answers = []
        for case, principal, place in self._cases:
            method, _, path = case.request.partition(" ")
            decision = policy.decide(principal, method, path)
            got = {"allow" if decision.allowed else "deny", decision.code}
            answers.append(Ran(case.name, place, case.request, case.expected, decision, case.expected in got))
        return tuple(answers)


def load(path: Path) -> Cases:
    """The tests of a file. Raises UsageError, as `Cases`."""
    return Cases(config.read(path), str(path))


def untested(policy: AccessPolicy, ran: tuple[Ran, ...]) -> tuple[str, ...]:
    """The rules that decided no test."""
    decided = {one.decision.rule for one in ran}
    return tuple(f"{rule.text} ({rule.place})" for rule in policy.routes.rules if rule.text not in decided)


def _principal(
    document: strictyaml.Document, read: CaseFile, case: Case, at: strictyaml.Path
) -> PrincipalData:
    if isinstance(case.principal, PrincipalData):
        _somebody(document, case.principal, at)
        return case.principal
    if (found := read.principals.get(case.principal)) is not None:
        return found
    if case.principal == NOBODY:
        return PrincipalData()
    near = difflib.get_close_matches(case.principal, [*read.principals, NOBODY], n=1)
    hint = f"did you mean {near[0]!r}?" if near else "declare it under `principals`"
    message = f"there is no principal {case.principal!r}"
    raise document.error("access.unknown-principal", at, message, hint)


def _somebody(document: strictyaml.Document, principal: PrincipalData, at: strictyaml.Path) -> None:
    if principal != PrincipalData() and not principal.subject:
        message = "a principal without a subject is nobody, and has no roles"
        raise document.error("access.principal", at, message, "give it a `subject`")
