"""Italian codice fiscale: sixteen letters and digits that tell name and birth, the last a check (D.M. 23/12/1976)."""

from __future__ import annotations

from typing import ClassVar, Final

from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import SUSPECT, Candidate, GuaritaRecognizer, Verdict, alone
from guarita.pii.recognizers.hints import Hint

_ODD: Final = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_DIGIT: Final = "[0-9LMNP-V]"
"""A digit, or the letter that stands for it where two people would have one code (omocodia)."""


def valid_fiscal_code(value: str) -> bool:
    """Whether sixteen capitals and digits satisfy the check letter."""
    places = [int(sign, 36) - (10 if sign.isalpha() else 0) for sign in value[:15]]
    total = sum(_ODD[place] if index % 2 == 0 else place for index, place in enumerate(places))
    return chr(ord("A") + total % 26) == value[15]


class ItFiscalCodeRecognizer(GuaritaRecognizer):
    """Finds codici fiscali: their form is like nothing else."""

    ENTITY = "PII_IT_FISCAL_CODE"
    COUNTRY_CODE = "it"
    HINT = Hint(r"(?i:[A-Z]{6}[0-9LMNP-V]{2}[A-Z])", 1, 8)
    PATTERNS: ClassVar = (
        ("codice", alone(rf"(?i:[A-Z]{{6}}{_DIGIT}{{2}}[ABCDEHLMPRST]{_DIGIT}{{2}}[A-Z]{_DIGIT}{{3}}[A-Z])")),
    )
    LABELS: ClassVar = ("codice fiscale", "cod. fisc", "c.f.", "cf", "fiscal code")

    def judge(self, candidate: Candidate) -> Verdict | None:
        """By its check letter."""
        if not any(map(str.isdigit, candidate.value)):
            return None
        if not valid_fiscal_code(candidate.value.upper()):
            return SUSPECT if candidate.labelled else None
        return Verdict(0.98 if candidate.labelled else 0.93, (Evidence.CHECK_DIGITS, Evidence.FORMAT))
