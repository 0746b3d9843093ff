"""A decision as a ledger keeps it: what it hung on, without who asked."""

from __future__ import annotations

import functools
import re
from typing import Final

import msgspec

from guarita.policy.access.interface import Principal

MAX_NAMES: Final = 32
"""Scopes, or roles of a credential, that are kept of one principal."""
_PLAIN: Final = re.compile(r"(?!.*[0-9]{5})[A-Za-z][A-Za-z0-9_.:/*-]{0,63}")
"""Names that tell nothing of a person: no address of mail, no number of a document."""


class Made(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One decision, or several that hung on the same. It holds no personal datum."""

    method: str
    rule: str
    """The rule that decided, as it is named in answers: `GET /docs/{id}`; empty where none did."""
    code: str
    """One of `CODES`."""
    policy: str
    """The digest of the policy that decided."""
    known: bool = False
    """Whether a credential said who calls."""
    issuer: str = ""
    scopes: frozenset[str] = frozenset()
    credential_roles: frozenset[str] = frozenset()
    """That the credential itself names."""
    roles: frozenset[str] = frozenset()
    """That the policy's bindings gave."""
    whole: bool = True
    """Whether all scopes and roles of the credential are here: not those that might tell of a person, nor too many."""

    @property
    def allowed(self) -> bool:
        """Whether the request was let through."""
        return self.code in {"access.public", "access.authenticated", "access.granted"}


def made(
    policy: str,
    method: str,
    *,
    rule: str,
    code: str,
    principal: Principal | None,
    roles: frozenset[str] = frozenset(),
) -> Made:
    """What is kept of a decision of this policy (its digest); `roles` are those that its bindings gave."""
    if principal is None or not principal.subject:
        return Made(method=method, rule=rule, code=code, policy=policy)
    scopes, all_scopes = _plain(principal.scopes)
    named, all_named = _plain(principal.roles)
    return Made(
        method=method,
        rule=rule,
        code=code,
        policy=policy,
        known=True,
        issuer=principal.issuer,
        scopes=scopes,
        credential_roles=named,
        roles=roles,
        whole=all_scopes and all_named,
    )


@functools.lru_cache(maxsize=4096)
def _plain(names: frozenset[str]) -> tuple[frozenset[str], bool]:
    kept = sorted(name for name in names if _PLAIN.fullmatch(name))[:MAX_NAMES]
    return frozenset(kept), len(kept) == len(names)
