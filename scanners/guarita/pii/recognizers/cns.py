"""CNS: the number on a Brazilian health card, fifteen digits. Health data: LGPD art. 5 II."""

from __future__ import annotations

from typing import ClassVar

from guarita.pii.checkdigits import cns_valid
from guarita.pii.recognizers.base import alone
from guarita.pii.recognizers.labelled import LabelledNumberRecognizer


class CnsRecognizer(LabelledNumberRecognizer):
    """Finds health cards beside their label, or in their own grouping."""

    ENTITY = "PII_CNS"
    COUNTRY_CODE = "br"
    USUAL_SCORE = 0.7
    PATTERNS: ClassVar = (
        ("usual", alone(r"[12789]\d{2} \d{4} \d{4} \d{4}")),
        ("plain", alone(r"[12789]\d{2}\.?\d{4}\.?\d{4}\.?\d{4}")),
    )
    LABELS: ClassVar = (
        "cns",
        "cartao nacional de saude",
        "cartao nacional do sus",
        "cartao sus",
        "cartao do sus",
        "numero do sus",
    )

    def valid(self, value: str) -> bool:
        """By the weighted sum, and the form that its first digit calls for."""
        return cns_valid(value)
