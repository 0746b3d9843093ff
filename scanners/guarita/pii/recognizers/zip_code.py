"""Postal codes of other countries beside their label. Alone they name a district, not a person."""

from __future__ import annotations

from typing import ClassVar

from guarita.pii.recognizers.base import Candidate, GuaritaRecognizer, Verdict, alone
from guarita.pii.recognizers.hints import beside


class ZipCodeRecognizer(GuaritaRecognizer):
    """Finds postal codes beside their label."""

    ENTITY = "PII_ZIP_CODE"
    LABELS: ClassVar = ("zip", "zip code", "zipcode", "postal code", "postcode", "post code", "codigo postal")
    HINT = beside(LABELS, 60)
    PATTERNS: ClassVar = (
        ("digits", alone(r"\d{3,6}(?:-\d{3,4})?|\d{3} \d{2}")),
        ("letters", alone(r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d")),
    )

    def judge(self, candidate: Candidate) -> Verdict | None:
        """Beside its label."""
        return Verdict(0.7) if candidate.labelled else None
