"""Numbers of court cases in Brazil (Resolução CNJ 65/2008): public, yet each leads to its parties. Off by default."""

from __future__ import annotations

from typing import ClassVar

from guarita.pii.checkdigits import digits
from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import SUSPECT, Candidate, GuaritaRecognizer, Verdict, alone


def valid_case(value: str) -> bool:
    """Whether twenty digits NNNNNNNDDAAAAJTROOOO satisfy ISO 7064 MOD 97-10, as the resolution's annex VIII says."""
    return int(value[:7] + value[9:] + value[7:9]) % 97 == 1


class CourtCaseRecognizer(GuaritaRecognizer):
    """Finds numbers of court cases."""

    ENTITY = "PII_COURT_CASE"
    COUNTRY_CODE = "br"
    PATTERNS: ClassVar = (("CNJ", alone(r"\d{7}-?\d{2}\.?\d{4}\.?\d\.?\d{2}\.?\d{4}")),)
    LABELS: ClassVar = ("processo", "processo n", "autos", "processo judicial", "proc", "case number")

    def judge(self, candidate: Candidate) -> Verdict | None:
        """By check digits; plain ones only beside their label."""
        value = digits(candidate.value)
        usual = candidate.value != value
        if not valid_case(value):
            return SUSPECT if candidate.labelled and usual else None
        if candidate.labelled:
            return Verdict(0.97, (Evidence.CHECK_DIGITS,))
        return Verdict(0.9, (Evidence.CHECK_DIGITS, Evidence.FORMAT)) if usual else None
