"""What a policy of handling answers: a decision, how to carry it out, and the rule that it comes from."""

from __future__ import annotations

import enum

import msgspec


class Decision(enum.Enum):
    """What becomes of a document, or of one datum in it. Later ones are stricter."""

    ALLOW = "allow"
    REDACT = "redact"
    """It may go on without the data."""
    REVIEW = "review"
    """A person decides."""
    BLOCK = "block"

    @property
    def strictness(self) -> int:
        """0 for allow, 3 for block."""
        return list(Decision).index(self)

    def stricter(self, other: Decision) -> Decision:
        """The stricter of both."""
        return max(self, other, key=lambda decision: decision.strictness)


class Method(enum.Enum):
    """How a datum is redacted."""

    REPLACE = "replace"
    """By the name of its type: `[CPF]`."""
    MASK = "mask"
    """Letters and digits by `*`; punctuation and length stay."""
    HASH = "hash"
    """By a keyed token: the same datum of a tenant gives the same token, and there is no way back."""
    PSEUDONYM = "pseudonym"
    """By a token that whoever may ask Vault can turn back."""


class Handling(msgspec.Struct, frozen=True):
    """What is done about one datum, and why."""

    decision: Decision
    method: Method
    """Means something where the decision is to redact."""
    rule: str
    """The name of the rule that decided; `otherwise` where none matched."""
    basis: str = ""
    """The law or the policy that the rule rests on."""
