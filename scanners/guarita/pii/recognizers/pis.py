"""PIS/PASEP/NIT/NIS: the number of a worker in Brazil, ten digits and a check digit."""

from __future__ import annotations

from typing import ClassVar

from guarita.pii.checkdigits import numbers, pis_check
from guarita.pii.recognizers.base import alone
from guarita.pii.recognizers.labelled import LabelledNumberRecognizer


class PisRecognizer(LabelledNumberRecognizer):
    """Finds worker numbers beside their label, or in their own punctuation."""

    ENTITY = "PII_PIS"
    COUNTRY_CODE = "br"
    # One number in eleven passes by chance, so the punctuation alone does not make it certain.
    USUAL_SCORE = 0.75
    PATTERNS: ClassVar = (
        ("usual", alone(r"\d{3}\.\d{5}\.\d{2}-\d")),
        ("plain", alone(r"\d{3}[ .]?\d{5}[ .]?\d{2}[ .\-/]?\d(?<!\d{3}\.\d{5}\.\d{2}-\d)")),
    )
    LABELS: ClassVar = (
        "pis",
        "pasep",
        "pis/pasep",
        "nis",
        "nit",
        "programa de integracao social",
        "numero de inscricao do trabalhador",
    )

    def valid(self, value: str) -> bool:
        """By its check digit."""
        values = numbers(value)
        return pis_check(values[:10]) == values[10]
