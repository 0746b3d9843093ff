"""CNPJ: the number of a company in Brazil, numeric or (since July 2026) alphanumeric.

Twelve characters, `0-9A-Z`, and two check digits: Instrução Normativa RFB 2.229/2024, with the arithmetic of
Nota Técnica COCAD/SUARA/RFB 49/2024. A company is no natural person, but that of a sole trader names one.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

from guarita.pii.checkdigits import cnpj_check, numbers, repeated
from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import SUSPECT, TEST_VALUE, Candidate, GuaritaRecognizer, Verdict, alone
from guarita.pii.recognizers.hints import Hint

_USUAL: Final = re.compile(r"[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-\d{2}")
_PUNCTUATION: Final = re.compile(r"[ .\-/]")
# YYYYMMDDhhmmss, of which one in a hundred passes by chance.
_DATE_LIKE: Final = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])[0-5]\d[0-5]\d"
)
_EXAMPLES: Final = frozenset({"12ABC34501DE35", "12345678000195"})


def valid_cnpj(value: str) -> bool:
    """Whether a value with or without punctuation is a CNPJ, numeric or alphanumeric."""
    plain = _PUNCTUATION.sub("", value)
    if re.fullmatch(r"[0-9A-Z]{12}\d\d", plain, re.ASCII) is None or repeated(plain):
        return False
    values = numbers(plain)
    return cnpj_check(values[:12]) == tuple(values[12:])


class CnpjRecognizer(GuaritaRecognizer):
    """Finds CNPJs with any usual punctuation or none."""

    ENTITY = "PII_CNPJ"
    HINT = Hint(r"[0-9A-Z](?:[ ./\-]{0,3}[0-9A-Z]){13,}", 2, 4)
    COUNTRY_CODE = "br"
    PATTERNS: ClassVar = (
        (
            "CNPJ",
            alone(
                r"[0-9A-Z]{2}[ .\-]?[0-9A-Z]{3}[ .\-]?[0-9A-Z]{3}(?:[ ./\-]| / )?[0-9A-Z]{4}"
                r"(?:[ .\-/]| - )?\d{2}"
            ),
        ),
    )
    LABELS: ClassVar = (
        "cnpj",
        "cnpjs",
        "cnpj/mf",
        "cpf/cnpj",
        "cgc",
        "cadastro nacional da pessoa juridica",
        "cadastro nacional de pessoas juridicas",
        "chave pix",
    )

    def judge(self, candidate: Candidate) -> Verdict | None:
        """By check digits, label, and how it is written."""
        value = _PUNCTUATION.sub("", candidate.value)
        numeric = value.isdigit()
        if repeated(value):
            return None
        if not valid_cnpj(value):
            # Fourteen capitals and digits beside the label may be a word; a number, or the usual form, is not.
            if candidate.labelled and (numeric or _USUAL.fullmatch(candidate.value)):
                return SUSPECT
            return None
        if value in _EXAMPLES:
            return TEST_VALUE
        if candidate.labelled:
            return Verdict(0.99, (Evidence.CHECK_DIGITS,))
        if _USUAL.fullmatch(candidate.value):
            return Verdict(0.95, (Evidence.CHECK_DIGITS, Evidence.FORMAT))
        if candidate.value != value:
            return Verdict(0.6 if numeric else 0.4, (Evidence.CHECK_DIGITS,))
        if not numeric:
            return Verdict(0.4, (Evidence.CHECK_DIGITS,))
        if _DATE_LIKE.fullmatch(value):
            return Verdict(0.3, (Evidence.CHECK_DIGITS, Evidence.DATE_LIKE))
        return Verdict(0.6, (Evidence.CHECK_DIGITS,))
