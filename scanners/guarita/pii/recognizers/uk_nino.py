"""UK national insurance number: two letters, six digits, a letter from A to D (HMRC, NIM39110)."""

from __future__ import annotations

from typing import ClassVar

from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import Candidate, GuaritaRecognizer, Verdict, alone
from guarita.pii.recognizers.hints import Hint


class UkNinoRecognizer(GuaritaRecognizer):
    """Finds national insurance numbers: in pairs of digits, or beside their label."""

    ENTITY = "PII_UK_NINO"
    COUNTRY_CODE = "uk"
    HINT = Hint(r"[A-Z]{2} ?[0-9]{2}", 1, 12)
    PATTERNS: ClassVar = (
        (
            "NINO",
            alone(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]"),
        ),
    )
    LABELS: ClassVar = ("nino", "ni number", "national insurance", "national insurance number", "ni no")

    def judge(self, candidate: Candidate) -> Verdict | None:
        """By label and spacing."""
        if candidate.value.replace(" ", "") in {"QQ123456C", "AB123456C"}:
            return None
        if candidate.labelled:
            return Verdict(0.95, (Evidence.FORMAT,))
        return Verdict(0.7 if " " in candidate.value else 0.5, (Evidence.FORMAT,))
