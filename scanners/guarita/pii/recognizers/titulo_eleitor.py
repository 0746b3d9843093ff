"""Título de eleitor: the number of a voter in Brazil, eight digits, two of the state, two check digits."""

from __future__ import annotations

from typing import ClassVar

from guarita.pii.checkdigits import numbers, voter_check
from guarita.pii.recognizers.base import alone
from guarita.pii.recognizers.labelled import LabelledNumberRecognizer

_STATES = 28
"""27 federal units, and 28 for voters abroad (Resolução TSE 21.538/2003 art. 12)."""


class TituloEleitorRecognizer(LabelledNumberRecognizer):
    """Finds voter numbers beside their label."""

    ENTITY = "PII_TITULO_ELEITOR"
    COUNTRY_CODE = "br"
    PATTERNS: ClassVar = (("plain", alone(r"\d{4}[ .]?\d{4}[ .]?\d{4}")),)
    LABELS: ClassVar = (
        "titulo de eleitor",
        "titulo do eleitor",
        "titulo eleitoral",
        "titulo eleitor",
        "inscricao eleitoral",
        "voter id",
    )

    def valid(self, value: str) -> bool:
        """By its state and both check digits."""
        values = numbers(value)
        state = int(value[8:10])
        return 1 <= state <= _STATES and voter_check(values[:8], values[8:10]) == tuple(values[10:])
