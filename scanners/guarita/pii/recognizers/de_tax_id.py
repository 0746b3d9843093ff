"""German tax number of a person: eleven digits, ISO 7064 MOD 11,10 (§ 139b AO; BZSt, Prüfziffernberechnung)."""

from __future__ import annotations

from typing import ClassVar

from guarita.pii.checkdigits import numbers
from guarita.pii.recognizers.base import alone
from guarita.pii.recognizers.labelled import LabelledNumberRecognizer


class DeTaxIdRecognizer(LabelledNumberRecognizer):
    """Finds tax numbers beside their label."""

    ENTITY = "PII_DE_TAX_ID"
    COUNTRY_CODE = "de"
    PATTERNS: ClassVar = (("IdNr", alone(r"[1-9]\d[ ]?\d{3}[ ]?\d{3}[ ]?\d{3}")),)
    LABELS: ClassVar = (
        "steuer-id",
        "steuer id",
        "steueridentifikationsnummer",
        "steuerliche identifikationsnummer",
        "steuer-identifikationsnummer",
        "idnr",
        "identifikationsnummer",
        "german tax id",
        "tax id",
    )

    def valid(self, value: str) -> bool:
        """By its check digit."""
        product = 10
        for digit in numbers(value[:10]):
            total = (digit + product) % 10 or 10
            product = total * 2 % 11
        return (11 - product) % 10 == int(value[10])
