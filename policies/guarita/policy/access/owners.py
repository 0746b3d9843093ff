"""Ownership: a path parameter that must name the caller, or what one of the caller's claims names."""

from __future__ import annotations

from dataclasses import dataclass

from guarita.policy.access import claims
from guarita.policy.access.interface import Place, Principal


@dataclass(frozen=True, slots=True, eq=False)
class Owner:
    """One condition, compared character by character."""

    parameter: str
    position: int
    """Of the parameter among the path's segments."""
    place: Place
    claim: tuple[str, ...] | None = None
    """Instead of the subject."""
    issuer: str | None = None
    unless: str | None = None
    """Whoever has this permission need not be the owner."""

    def holds(self, principal: Principal, segments: list[str]) -> bool:
        """Whether the path names what the principal owns."""
        if self.issuer is not None and principal.issuer != self.issuer:
            return False
        named = segments[self.position]
        if self.claim is None:
            return named == principal.subject
        return named in claims.texts(principal.claims, self.claim)

    def __str__(self) -> str:
        what = "the subject" if self.claim is None else f"the claim {'.'.join(self.claim)}"
        of = f" at {self.issuer}" if self.issuer else ""
        other = f", or the permission {self.unless}" if self.unless else ""
        return f"{{{self.parameter}}} is {what}{of}{other}"
