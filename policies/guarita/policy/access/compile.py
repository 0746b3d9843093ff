"""From configuration to a compiled policy, or to an error that says where and why."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from guarita.config import strictyaml
from guarita.config.gateway_access import AccessSection, BindingSection, OwnerCondition, RouteSection, steps
from guarita.errors import UsageError
from guarita.policy.access import templates
from guarita.policy.access.bindings import Binding, BindingTable
from guarita.policy.access.interface import Place
from guarita.policy.access.owners import Owner
from guarita.policy.access.policy import AccessPolicy
from guarita.policy.access.roles import CycleError, Role, RoleTable
from guarita.policy.access.routes import AmbiguousError, RouteTable, Rule

SECTION: Final[strictyaml.Path] = ("gateway", "access")
_MEANING: Final = b"guarita.access/1\n"
"""Goes into the digest: raised when the same text comes to mean something else."""


def compiled(
    section: AccessSection, document: strictyaml.Document | None = None, *, version: int = 1
) -> AccessPolicy:
    """Compile a policy. `document` tells where each part stands.

    Raises UsageError: `access.cycle`, `access.unknown-role`, `access.route`, `access.ambiguous`, `access.owner`.
    """
    builder = _Builder(section, document or strictyaml.Document(None, "gateway.access"))
    return AccessPolicy(
        roles=builder.roles(),
        bindings=builder.bindings(),
        routes=builder.routes(),
        source=builder.document.source,
        digest=hashlib.sha256(_MEANING + msgspec.json.encode(section, order="sorted")).hexdigest(),
        version=version,
    )


@dataclass(frozen=True)
class _Builder:
    section: AccessSection
    document: strictyaml.Document

    def roles(self) -> RoleTable:
        roles = []
        for name, role in self.section.roles.items():
            at = ("roles", name)
            for index, parent in enumerate(role.inherits):
                self._known(parent, (*at, "inherits", index))
            roles.append(
                Role(
                    name,
                    self._place(at),
                    tuple(role.inherits),
                    self._patterns(role.allow, (*at, "allow")),
                    self._patterns(role.deny, (*at, "deny")),
                )
            )
        try:
            return RoleTable(roles)
        except CycleError as error:
            where = ("roles", error.path[0], "inherits")
            raise self._error("access.cycle", where, f"a role inherits from itself: {error}") from error

    def bindings(self) -> BindingTable:
        return BindingTable(
            self._binding(binding, ("bindings", index)) for index, binding in enumerate(self.section.bindings)
        )

    def routes(self) -> RouteTable:
        rules = [self._rule(route, ("routes", index)) for index, route in enumerate(self.section.routes)]
        try:
            return RouteTable(rules)
        except AmbiguousError as error:
            one, other = error.rules
            index = rules.index(other)
            message = (
                f"{other.text} and {one.text} ({one.place}) both decide about {', '.join(sorted(error.methods))}"
                f" {error.shared}, and neither is more specific"
            )
            same = one.template.shape == other.template.shape
            hint = "make them one" if same else f"add a rule for {error.shared}, or change one of them"
            raise self._error("access.ambiguous", ("routes", index), message, hint) from error

    def _binding(self, binding: BindingSection, at: strictyaml.Path) -> Binding:
        self._known(binding.role, (*at, "role"))
        claim = binding.claim
        return Binding(
            role=binding.role,
            place=self._place(at),
            issuer=binding.issuer,
            subject=binding.subject,
            scope=binding.scope,
            claim=steps(claim.path) if claim else None,
            value=(type(claim.value), claim.value) if claim else None,
            credential_role=binding.credential_role,
        )

    def _rule(self, route: RouteSection, at: strictyaml.Path) -> Rule:
        try:
            template = templates.parse(route.path)
        except ValueError as error:
            raise self._error("access.route", (*at, "path"), str(error)) from error
        return Rule(
            template=template,
            methods=tuple(dict.fromkeys(route.methods)),
            place=self._place(at),
            permissions=tuple(dict.fromkeys(route.permissions or ())),
            public=route.public,
            privileged=route.privileged,
            owners=tuple(
                self._owner(owner, template, (*at, "owner", index)) for index, owner in enumerate(route.owner)
            ),
        )

    def _owner(self, owner: OwnerCondition, template: templates.Template, at: strictyaml.Path) -> Owner:
        positions = dict(template.parameters)
        if owner.parameter not in positions:
            known = ", ".join(f"{{{name}}}" for name in positions) or "none"
            message = f"the path has no parameter {{{owner.parameter}}} of one segment"
            raise self._error(
                "access.owner", (*at, "parameter"), message, f"parameters of this path: {known}"
            )
        return Owner(
            parameter=owner.parameter,
            position=positions[owner.parameter],
            place=self._place(at),
            claim=steps(owner.claim) if owner.claim is not None else None,
            issuer=owner.issuer,
            unless=owner.unless,
        )

    def _known(self, role: str, at: strictyaml.Path) -> None:
        if role not in self.section.roles:
            near = difflib.get_close_matches(role, self.section.roles, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "declare it under gateway.access.roles"
            raise self._error("access.unknown-role", at, f"there is no role {role!r}", hint)

    def _patterns(self, patterns: Sequence[str], at: strictyaml.Path) -> dict[str, Place]:
        return {pattern: self._place((*at, index)) for index, pattern in enumerate(patterns)}

    def _place(self, at: strictyaml.Path) -> Place:
        return Place(self.document.source, self.document.line((*SECTION, *at)))

    def _error(self, code: str, at: strictyaml.Path, message: str, hint: str | None = None) -> UsageError:
        return self.document.error(code, (*SECTION, *at), message, hint)
