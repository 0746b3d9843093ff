"""US social security number: nine digits in groups of three, two and four, without a check digit."""

from __future__ import annotations

from typing import ClassVar, Final

from guarita.pii.checkdigits import digits
from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import Candidate, GuaritaRecognizer, Verdict, alone

_EXAMPLES: Final = frozenset({"078051120", "123456789", "219099999"})


class UsSsnRecognizer(GuaritaRecognizer):
    """Finds social security numbers in their grouping, and plain ones beside their label."""

    ENTITY = "PII_US_SSN"
    COUNTRY_CODE = "us"
    PATTERNS: ClassVar = (
        ("grouped", alone(r"\d{3}-\d{2}-\d{4}")),
        ("plain", alone(r"\d{3} ?\d{2} ?\d{4}")),
    )
    LABELS: ClassVar = ("ssn", "ssns", "social security", "social security number", "social security no")

    def judge(self, candidate: Candidate) -> Verdict | None:
        """Numbers that were never issued are not reported (20 CFR 422.103; SSA, randomization of 2011)."""
        value = digits(candidate.value)
        area, group, serial = value[:3], value[3:5], value[5:]
        if area in {"000", "666"} or area >= "900" or group == "00" or serial == "0000":
            return None
        if value in _EXAMPLES or len(set(value)) == 1:
            return Verdict(0.36, (Evidence.TEST_VALUE,)) if candidate.labelled else None
        if candidate.labelled:
            return Verdict(0.9, (Evidence.FORMAT,) if candidate.pattern == "grouped" else ())
        return Verdict(0.5, (Evidence.FORMAT,)) if candidate.pattern == "grouped" else None
