"""US individual taxpayer number: as a social security number, from 900, with groups set aside (IRS, Publication 1915)."""

from __future__ import annotations

from typing import ClassVar

from guarita.pii.checkdigits import digits
from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import Candidate, GuaritaRecognizer, Verdict, alone


class UsItinRecognizer(GuaritaRecognizer):
    """Finds taxpayer numbers in their grouping, and plain ones beside their label."""

    ENTITY = "PII_US_ITIN"
    COUNTRY_CODE = "us"
    PATTERNS: ClassVar = (
        ("grouped", alone(r"9\d{2}-(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])-\d{4}")),
        ("plain", alone(r"9\d{2} ?(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9]) ?\d{4}")),
    )
    LABELS: ClassVar = (
        "itin",
        "individual taxpayer",
        "individual taxpayer identification number",
        "taxpayer id",
        "tax id",
    )

    def judge(self, candidate: Candidate) -> Verdict | None:
        """By label and grouping."""
        if len(set(digits(candidate.value))) == 1:
            return None
        if candidate.labelled:
            return Verdict(0.9, (Evidence.FORMAT,))
        return Verdict(0.45, (Evidence.FORMAT,)) if candidate.pattern == "grouped" else None
