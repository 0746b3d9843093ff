"""CNH: the registration number of a Brazilian driving licence, nine digits and two check digits."""

from __future__ import annotations

from typing import ClassVar

from guarita.pii.checkdigits import cnh_check, numbers
from guarita.pii.recognizers.base import alone
from guarita.pii.recognizers.labelled import LabelledNumberRecognizer


class CnhRecognizer(LabelledNumberRecognizer):
    """Finds driving licences beside their label."""

    ENTITY = "PII_CNH"
    COUNTRY_CODE = "br"
    PATTERNS: ClassVar = (("plain", alone(r"\d{3}[ .]?\d{3}[ .]?\d{3}[ .\-]?\d{2}")),)
    LABELS: ClassVar = (
        "cnh",
        "carteira nacional de habilitacao",
        "carteira de habilitacao",
        "carteira de motorista",
        "habilitacao",
        "permissao para dirigir",
        "driver's license",
        "driver license",
        "driving licence",
        "driving license",
    )

    def valid(self, value: str) -> bool:
        """By both check digits."""
        values = numbers(value)
        return cnh_check(values[:9]) == tuple(values[9:])
