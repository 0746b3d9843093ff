"""CPF: the number of a taxpayer in Brazil, eleven digits, two of them check digits."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from guarita.pii.checkdigits import cpf_check, digits, numbers, repeated
from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import SUSPECT, TEST_VALUE, Candidate, GuaritaRecognizer, Verdict, alone

_USUAL: Final = re.compile(r"\d{3}\.\d{3}\.\d{3}-\d{2}")
_EXAMPLES: Final = frozenset({"12345678909", "01234567890", "00000000191", "98765432100"})


def valid_cpf(value: str) -> bool:
    """Whether a value with or without punctuation is a CPF that can have been issued."""
    plain = digits(value)
    if len(plain) != 11 or repeated(plain):  # noqa: PLR2004  # the length of a CPF
        return False
    values = numbers(plain)
    return cpf_check(values[:9]) == tuple(values[9:])


class CpfRecognizer(GuaritaRecognizer):
    """Finds CPFs with any usual punctuation or none."""

    ENTITY = "PII_CPF"
    COUNTRY_CODE = "br"
    PATTERNS: ClassVar = (("CPF", alone(r"\d{3}[ .\-]?\d{3}[ .\-]?\d{3}(?:[ .\-/]| - )?\d{2}")),)
    LABELS: ClassVar = (
        "cpf",
        "cpfs",
        "cpf/mf",
        "cpf/cnpj",
        "cic",
        "cadastro de pessoa fisica",
        "cadastro de pessoas fisicas",
        "inscrito no",
        "inscrita no",
        "chave pix",
        "taxpayer id",
    )

    def judge(self, candidate: Candidate) -> Verdict | None:
        """By check digits, label, and how it is written."""
        value = digits(candidate.value)
        if repeated(value):
            return None
        usual = _USUAL.fullmatch(candidate.value) is not None
        if not valid_cpf(value):
            if candidate.labelled:
                return SUSPECT
            return Verdict(0.3, (Evidence.FORMAT, Evidence.CHECK_DIGITS_FAIL)) if usual else None
        if value in _EXAMPLES:
            # Without label and punctuation a sequence of digits is a sequence of digits.
            return TEST_VALUE if candidate.labelled or usual else None
        if candidate.labelled:
            return Verdict(0.99, (Evidence.CHECK_DIGITS,))
        if usual:
            return Verdict(0.95, (Evidence.CHECK_DIGITS, Evidence.FORMAT))
        # One number of eleven digits in a hundred passes by chance.
        return Verdict(0.5 if candidate.value == value else 0.7, (Evidence.CHECK_DIGITS,))
