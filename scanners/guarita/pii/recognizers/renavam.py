"""RENAVAM: the number of a vehicle in Brazil, ten digits (nine in older papers) and a check digit."""

from __future__ import annotations

from typing import ClassVar

from guarita.pii.checkdigits import numbers, renavam_check
from guarita.pii.recognizers.base import alone
from guarita.pii.recognizers.labelled import LabelledNumberRecognizer


class RenavamRecognizer(LabelledNumberRecognizer):
    """Finds vehicle numbers beside their label."""

    ENTITY = "PII_RENAVAM"
    COUNTRY_CODE = "br"
    PATTERNS: ClassVar = (("plain", alone(r"\d{4}[ .]?\d{6}[ .\-]?\d|\d{8}-?\d")),)
    LABELS: ClassVar = ("renavam", "codigo renavam", "registro nacional de veiculos automotores")

    def valid(self, value: str) -> bool:
        """By its check digit; a number of nine digits is filled with zeros, as the newer papers do."""
        values = numbers(value.zfill(11))
        return renavam_check(values[:10]) == values[10]
