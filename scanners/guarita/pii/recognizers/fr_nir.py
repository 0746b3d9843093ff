"""French social security number (NIR): thirteen signs that tell sex and birth, and a key of two (INSEE)."""

from __future__ import annotations

from typing import ClassVar

from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import SUSPECT, Candidate, GuaritaRecognizer, Verdict, alone


def valid_nir(value: str) -> bool:
    """Whether fifteen signs satisfy the key, 97 less the remainder; `2A` and `2B` of Corsica count as 19 and 18."""
    number = value[:13].replace("2A", "19").replace("2B", "18")
    return 97 - int(number) % 97 == int(value[13:])


class FrNirRecognizer(GuaritaRecognizer):
    """Finds NIR in their groups or plain."""

    ENTITY = "PII_FR_NIR"
    COUNTRY_CODE = "fr"
    PATTERNS: ClassVar = (
        (
            "NIR",
            alone(r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}"),
        ),
    )
    LABELS: ClassVar = (
        "nir",
        "securite sociale",
        "numero de securite sociale",
        "n de securite sociale",
        "insee",
        "french social security",
    )

    def judge(self, candidate: Candidate) -> Verdict | None:
        """By its key, the month in it, and its label."""
        value = candidate.value.replace(" ", "")
        if not valid_nir(value):
            return SUSPECT if candidate.labelled else None
        if candidate.labelled:
            return Verdict(0.98, (Evidence.CHECK_DIGITS,))
        return Verdict(0.8 if " " in candidate.value else 0.5, (Evidence.CHECK_DIGITS, Evidence.FORMAT))
