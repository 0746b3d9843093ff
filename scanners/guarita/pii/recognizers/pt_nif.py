"""Portuguese NIF: nine digits, the last a check digit (Decreto-Lei 14/2013). Those of people start with 1, 2, 3 or 45."""

from __future__ import annotations

from typing import ClassVar

from guarita.pii.checkdigits import complement, numbers, weighted
from guarita.pii.recognizers.base import alone
from guarita.pii.recognizers.labelled import LabelledNumberRecognizer


class PtNifRecognizer(LabelledNumberRecognizer):
    """Finds NIF beside their label."""

    ENTITY = "PII_PT_NIF"
    COUNTRY_CODE = "pt"
    PATTERNS: ClassVar = (("NIF", alone(r"(?:[123]\d|45)\d[ .]?\d{3}[ .]?\d{3}")),)
    LABELS: ClassVar = (
        "nif",
        "n.i.f.",
        "contribuinte",
        "numero de contribuinte",
        "n de contribuinte",
        "numero de identificacao fiscal",
        "portuguese tax number",
    )

    def valid(self, value: str) -> bool:
        """By its check digit."""
        values = numbers(value)
        return complement(weighted(values[:8], range(9, 1, -1))) == values[8]
