"""IBAN: an international bank account number (ISO 13616), with its check by ISO 7064 MOD 97-10."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from guarita.pii.checkdigits import mod97
from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import SUSPECT, TEST_VALUE, Candidate, GuaritaRecognizer, Verdict
from guarita.pii.recognizers.hints import Hint

LENGTHS: Final = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV PT",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PS QA",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB MU NI PL SV",
    29: "BR EG UA",
    30: "JO KW YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
"""Countries by the length of their IBAN (SWIFT, IBAN registry)."""
# The registry's own example of a country, and what documentation uses.
_EXAMPLES_WORDS = (
    "GB82WEST12345698765432 GB29NWBK60161331926819 GB33BUKB20201555555555 DE89370400440532013000 "
    "FR1420041010050500013M02606 NL91ABNA0417164300 ES9121000418450200051332 IT60X0542811101000000123456 "
    "BR1800360305000010009795493C1 BR9700360305000010009795493P1 PT50000201231234567890154 "
    "CH9300762011623852957 BE68539007547034 AT611904300234573201 IE29AIBK93115212345678"
)
_EXAMPLES: Final = frozenset(_EXAMPLES_WORDS.split())


def _regex() -> str:
    by_length = (
        rf"(?:{'|'.join(countries.split())})\d{{2}}(?:[ \-]?[A-Z0-9]){{{length - 4}}}"
        for length, countries in LENGTHS.items()
    )
    return rf"(?<![^\W_])(?i:{'|'.join(by_length)})(?![^\W_])"


class IbanRecognizer(GuaritaRecognizer):
    """Finds IBANs of every country in the registry, in groups or plain."""

    ENTITY = "PII_IBAN"
    HINT = Hint(r"[A-Za-z]{2}[0-9]{2}", 1, 64)
    PATTERNS: ClassVar = (("IBAN", _regex()),)
    LABELS: ClassVar = ("iban", "bank account", "conta", "conta bancaria", "account number")

    def judge(self, candidate: Candidate) -> Verdict | None:
        """By its check digits."""
        value = re.sub(r"[ \-]", "", candidate.value).upper()
        if not candidate.labelled and any(map(str.islower, candidate.value)):
            return None
        if not mod97(value):
            return SUSPECT if candidate.labelled else None
        if value in _EXAMPLES:
            return TEST_VALUE
        return Verdict(0.99 if candidate.labelled else 0.95, (Evidence.CHECK_DIGITS, Evidence.FORMAT))
