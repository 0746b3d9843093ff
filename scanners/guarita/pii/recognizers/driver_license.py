"""Driving licences of other countries: each has a form of its own, so only beside their label."""

from __future__ import annotations

from typing import ClassVar

from guarita.pii.checkdigits import digits
from guarita.pii.recognizers.base import Candidate, GuaritaRecognizer, Verdict, alone
from guarita.pii.recognizers.hints import Hint

_FEWEST_DIGITS = 4


class DriverLicenseRecognizer(GuaritaRecognizer):
    """Finds licences beside their label."""

    ENTITY = "PII_DRIVER_LICENSE"
    HINT = Hint(r"(?i:driv|licence|license|dl)", 48, 100)
    PATTERNS: ClassVar = (("licence", alone(r"[A-Z0-9](?:[ \-]?[A-Z0-9]){5,17}")),)
    LABELS: ClassVar = (
        "driver's license",
        "drivers license",
        "driver license",
        "driver's licence",
        "driving licence",
        "driving license",
        "license number",
        "licence number",
        "dl number",
    )

    def judge(self, candidate: Candidate) -> Verdict | None:
        """Beside its label, with digits enough."""
        if not candidate.labelled or len(digits(candidate.value)) < _FEWEST_DIGITS:
            return None
        return Verdict(0.7)
