"""CEP: a Brazilian postal code, eight digits without a check, so only beside its label."""

from __future__ import annotations

from typing import ClassVar

from guarita.pii.checkdigits import digits, repeated
from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import Candidate, GuaritaRecognizer, Verdict, alone


class CepRecognizer(GuaritaRecognizer):
    """Finds postal codes beside their label. Alone it names a street, not a person."""

    ENTITY = "PII_CEP"
    COUNTRY_CODE = "br"
    PATTERNS: ClassVar = (("CEP", alone(r"\d{2}\.?\d{3}-?\d{3}")),)
    LABELS: ClassVar = ("cep", "codigo de enderecamento postal", "codigo postal")

    def judge(self, candidate: Candidate) -> Verdict | None:
        """Beside its label, and not a placeholder."""
        value = digits(candidate.value)
        if not candidate.labelled or repeated(value) or value in {"12345678", "00000000"}:
            return None
        evidence = (Evidence.FORMAT,) if "-" in candidate.value else ()
        return Verdict(0.7 if evidence else 0.55, evidence)
