"""NHS number: ten digits, the last a check digit (NHS Data Dictionary). Health data: GDPR art. 9."""

from __future__ import annotations

from typing import ClassVar

from guarita.pii.checkdigits import numbers, weighted
from guarita.pii.recognizers.base import alone
from guarita.pii.recognizers.labelled import LabelledNumberRecognizer


class UkNhsRecognizer(LabelledNumberRecognizer):
    """Finds NHS numbers beside their label."""

    ENTITY = "PII_UK_NHS"
    COUNTRY_CODE = "uk"
    PATTERNS: ClassVar = (("NHS", alone(r"\d{3}[ \-]?\d{3}[ \-]?\d{4}")),)
    LABELS: ClassVar = ("nhs", "nhs number", "nhs no", "national health service number")

    def valid(self, value: str) -> bool:
        """By its check digit; a remainder of 10 is never issued."""
        values = numbers(value)
        check = 11 - weighted(values[:9], range(10, 1, -1)) % 11
        return check % 11 == values[9]
