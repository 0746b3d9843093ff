"""Passwords in prose, beside their label: no scanner of secrets reads a letter or a form for them.

Keys and tokens have forms of their own, which the gate's `secrets` scanner knows; a password has none.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

from guarita.pii.recognizers.base import Candidate, GuaritaRecognizer, Verdict
from guarita.pii.recognizers.hints import beside

_WORDS: Final = re.compile(
    r"(?i)(?:x{2,}|\*+|\.+|-+|<.*>|\{.*\}|\$.*|%.*|none|null|true|false|string|str|senha|password|secret|segredo"
    r"|required|optional|obrigat[oó]ria|opcional|invalid|inv[aá]lida|changeme|example|exemplo|your.*|sua.*|form.*|get.*)"
)
_SIGN: Final = re.compile(r"[^\w\s.\-'/]")


class CredentialRecognizer(GuaritaRecognizer):
    """Finds passwords and PINs behind their label."""

    ENTITY = "PII_CREDENTIAL"
    LABELS: ClassVar = ("senha", "password", "passwd", "passphrase", "pin")
    HINT = beside(LABELS, 80)
    PATTERNS: ClassVar = (
        (
            "after label",
            r"(?i)(?<=[:=] )[^\s,;\"'`<>()\[\]]{4,40}(?![\w(\[])|(?<=[:=])[^\s,;\"'`<>()\[\]=:]{4,40}(?![\w(\[])",
        ),
        (
            "after verb",
            r"(?i)(?<=senha [eé] )\S{4,40}|(?<=password is )\S{4,40}|(?<=pin [eé] )\d{4,8}|(?<=pin is )\d{4,8}",
        ),
    )

    def judge(self, candidate: Candidate) -> Verdict | None:
        """A word of signs of several classes, or digits alone as of a PIN."""
        before = candidate.text[max(0, candidate.start - 14) : candidate.start]
        value = candidate.value.rstrip(".!?")
        if not candidate.labelled or not re.search(
            r"(?i)(?:senha|passw\w+|passphrase|pin)(?: [eé]| is)?\s?[:= ]\s?$", before
        ):
            return None
        if _WORDS.fullmatch(value) or value[0] in "({<$%":
            return None
        if value.isdigit():
            return Verdict(0.5)
        # A word of letters alone is prose: `password: Bearer`.
        return Verdict(0.75) if any(map(str.isdigit, value)) or _SIGN.search(value) else None
