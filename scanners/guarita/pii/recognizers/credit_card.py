"""Payment card numbers (ISO/IEC 7812): the check digit by Luhn, and the issuer's range."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from guarita.pii.checkdigits import digits, luhn, repeated
from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import SUSPECT, TEST_VALUE, Candidate, GuaritaRecognizer, Verdict, alone

# Issuer ranges with the lengths in use. Elo and Hipercard are Brazil's own.
_ISSUERS: Final = re.compile(
    r"4\d{12}(?:\d{3}){0,2}"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12}(?:\d{3})?"  # Discover
    r"|3(?:0[0-59]|[689]\d)\d{11}(?:\d\d)?"  # Diners Club
    r"|35(?:2[89]|[3-8]\d)\d{12}"  # JCB
    r"|62\d{14,17}"  # UnionPay
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{8,15}"  # Maestro
    r"|(?:4011|4312|4389|4514|4576|5041|5066|5067|509\d|6277|6362|6363|650\d|6516|6550)\d{12}"  # Elo
    r"|6062\d{12}"  # Hipercard
)
_GROUPED: Final = re.compile(r"(?:\d{4}([ \-])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ \-])\d{6}\2\d{4,5})")
# What card networks and payment services publish for tests.
_TEST_NUMBERS_WORDS = (
    "4111111111111111 4242424242424242 4012888888881881 4222222222222 4000000000000002 4000056655665556 "
    "4000000000000077 4000000000003220 4007000000027 4917610000000000 4444333322221111 4005519200000004 "
    "5555555555554444 5105105105105100 5200828282828210 5454545454545454 5431111111111111 5425233430109903 "
    "2223003122003222 2222420000001113 2223000048410010 5555341244441115 378282246310005 371449635398431 "
    "378734493671000 374245455400126 6011111111111117 6011000990139424 6011000000000004 6011981111111113 "
    "30569309025904 38520000023237 36227206271667 3056930009020004 3530111333300000 3566002020360505 "
    "6200000000000005 6759649826438453 6362970000457013 6062826786276634"
)
_TEST_NUMBERS: Final = frozenset(_TEST_NUMBERS_WORDS.split())


class CreditCardRecognizer(GuaritaRecognizer):
    """Finds card numbers in groups or plain."""

    ENTITY = "PII_CREDIT_CARD"
    PATTERNS: ClassVar = (
        ("short", alone(r"\d{12}")),
        ("card", alone(r"\d{4}[ \-]?(?:\d{4}[ \-]?\d{4}[ \-]?\d{1,7}|\d{6}[ \-]?\d{4,5})")),
    )
    LABELS: ClassVar = (
        "cartao",
        "cartoes",
        "cartao de credito",
        "cartao de debito",
        "numero do cartao",
        "credit card",
        "debit card",
        "card",
        "card number",
        "card no",
        "cc",
        "pan",
        "visa",
        "mastercard",
        "amex",
        "elo",
        "hipercard",
    )

    def judge(self, candidate: Candidate) -> Verdict | None:
        """By check digit, issuer, grouping and label."""
        value = digits(candidate.value)
        if repeated(value):
            return None
        known = _ISSUERS.fullmatch(value) is not None
        grouped = _GROUPED.fullmatch(candidate.value) is not None
        if not luhn(value):
            return SUSPECT if candidate.labelled and known else None
        if value in _TEST_NUMBERS:
            return TEST_VALUE
        if candidate.labelled:
            evidence = (Evidence.CHECK_DIGITS, Evidence.ISSUER) if known else (Evidence.CHECK_DIGITS,)
            return Verdict(0.98 if known else 0.6, evidence)
        if not known:
            return None
        if grouped:
            return Verdict(0.95, (Evidence.CHECK_DIGITS, Evidence.ISSUER, Evidence.FORMAT))
        # One number in ten passes Luhn by chance, and a fifth of all numbers lies in a known range.
        return Verdict(0.55, (Evidence.CHECK_DIGITS, Evidence.ISSUER))
