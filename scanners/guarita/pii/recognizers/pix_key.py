"""Random PIX keys: a UUID of version 4 beside words of payment (Banco Central, Manual Operacional do DICT).

The other kinds of key are a CPF, a CNPJ, a telephone and an e-mail address, which are found as what they are.
"""

from __future__ import annotations

from typing import ClassVar

from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import Candidate, GuaritaRecognizer, Verdict
from guarita.pii.recognizers.hints import Hint

_HEX = "[0-9a-fA-F]"


class PixKeyRecognizer(GuaritaRecognizer):
    """Finds random keys beside their label: elsewhere a UUID names a request or a row."""

    ENTITY = "PII_PIX_KEY"
    COUNTRY_CODE = "br"
    HINT = Hint(rf"{_HEX}{{8}}-{_HEX}{{4}}-4", 1, 24)
    PATTERNS: ClassVar = (
        (
            "UUID",
            rf"(?<![\w\-])(?:{_HEX}{{8}}-{_HEX}{{4}}-4{_HEX}{{3}}-[89abAB]{_HEX}{{3}}-{_HEX}{{12}})(?![\w\-])",
        ),
    )
    LABELS: ClassVar = ("pix", "chave", "chave pix", "chave aleatoria", "pix key", "evp")

    def judge(self, candidate: Candidate) -> Verdict | None:
        """Beside its label."""
        return Verdict(0.9, (Evidence.FORMAT,)) if candidate.labelled else None
