"""Telephone numbers: Brazilian ones, and international ones that lead with `+`.

Digits alone are no telephone number: a label, or a form that nothing else has, must say so.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

from guarita.pii.checkdigits import digits, repeated
from guarita.pii.fold import unaccented
from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import ALONE_AFTER, ALONE_BEFORE, Candidate, GuaritaRecognizer, Verdict

# Area codes in use (Anatel, Resolução 749/2022, Plano Geral de Códigos Nacionais).
_AREAS_WORDS = (
    "11 12 13 14 15 16 17 18 19 21 22 24 27 28 31 32 33 34 35 37 38 41 42 43 44 45 46 47 48 49 51 53 54 55 61 "
    "62 63 64 65 66 67 68 69 71 73 74 75 77 79 81 82 83 84 85 86 87 88 89 91 92 93 94 95 96 97 98 99"
)
_AREAS: Final = frozenset(_AREAS_WORDS.split())
_EXAMPLES: Final = frozenset({"12345678", "912345678", "987654321", "23456789", "98765432", "12341234"})
_MOBILE_LENGTH: Final = 9
_LANDLINE_LENGTH: Final = 8
_SHORTEST: Final = 7
_LONGEST: Final = 13
_DATE: Final = re.compile(r"(?:19|20)\d\d-\d\d-\d\d|\d\d[.\-]\d\d[.\-](?:19|20)\d\d")
_BARE_AREA: Final = re.compile(r"\d{2}[ \-]9[ .]?\d{4}[ .\-]\d{4}")
_CALLING: Final = re.compile(
    r"\b(?:telefones?|tel|fone|celular(?:es)?|cel|whatsapp|zap|ligar|ligue|contatos?|phones?|mobile|call|numero (?:d[eao]|dele|dela))\b",
    re.IGNORECASE,
)
_NEARBY: Final = 120
"""Characters before a number in which such a word makes one that is a telephone by its plan likelier."""


def _brazilian(area: str, subscriber: str) -> bool:
    """Whether area code and subscriber number can be dialled: mobiles start with 9, landlines with 2 to 5."""
    if area not in _AREAS:
        return False
    if len(subscriber) == _MOBILE_LENGTH:
        return subscriber[0] == "9"
    return len(subscriber) == _LANDLINE_LENGTH and subscriber[0] in "2345"


def _placeholder(subscriber: str) -> bool:
    # 99999-9999 and 9999-0000: two halves of one digit each.
    return repeated(subscriber[:-4]) and repeated(subscriber[-4:])


class PhoneRecognizer(GuaritaRecognizer):
    """Finds telephone numbers of people; free-call and fictional numbers are not."""

    ENTITY = "PII_PHONE"
    PATTERNS: ClassVar = (
        (
            "Brazilian",
            (
                rf"(?<![\w+])(?<!\d[.\-/])(?:\+?55[ .\-]?)?(?:\(0?\d{{2}}\)|0?\d{{2}})[ .\-]{{0,2}}"
                rf"9?[ .\-]?\d{{4}}[ .\-]?\d{{4}}{ALONE_AFTER}"
            ),
        ),
        ("Brazilian local", rf"{ALONE_BEFORE}9?\d{{4}}[ .\-]?\d{{4}}{ALONE_AFTER}"),
        (
            "international",
            rf"(?<![\w+])\+(?!55)[1-9]\d{{0,2}}(?:[ .\-]?\(?\d{{1,4}}\)?){{2,5}}{ALONE_AFTER}",
        ),
        (
            "North American",
            rf"(?<![\w+])(?<!\d[.\-/])(?:1[ .\-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[.\-])[2-9]\d\d[.\-]\d{{4}}{ALONE_AFTER}",
        ),
        (
            "any",
            (
                rf"(?<![\w+])(?<!\d[.\-/])(?:\(?\d{{1,4}}\)?(?:[ .\-]{{1,2}}\(?\d{{2,4}}\)?){{1,5}}"
                rf"|\d{{2,4}}[ \-]\d{{5,8}}|\d{{7,12}}){ALONE_AFTER}"
            ),
        ),
    )
    LABELS: ClassVar = (
        "telefone",
        "telefones",
        "tel",
        "fone",
        "celular",
        "cel",
        "whatsapp",
        "zap",
        "fax",
        "chave pix",
        "contato",
        "phone",
        "telephone",
        "mobile",
        "cell",
        "cell phone",
        "phone number",
        "call me at",
        "call me on",
        "ligue",
        "ligue para",
    )

    def judge(self, candidate: Candidate) -> Verdict | None:
        """By the numbering plan, the form and the label."""
        if candidate.pattern == "international":
            return self._foreign(candidate.value, labelled=candidate.labelled)
        if candidate.pattern == "any":
            return self._any(candidate)
        if candidate.pattern == "North American":
            return self._north_american(candidate)
        value = digits(candidate.value)
        if candidate.pattern == "Brazilian local":
            return self._local(value, labelled=candidate.labelled)
        country = candidate.value.startswith(("+55", "55")) and len(value) > 11  # noqa: PLR2004
        value = value[2:] if country else value
        value = value.removeprefix("0")
        area, subscriber = value[:2], value[2:]
        if not _brazilian(area, subscriber) or _placeholder(subscriber):
            return None
        if subscriber in _EXAMPLES:
            return Verdict(0.4, (Evidence.FORMAT, Evidence.TEST_VALUE))
        clear = candidate.value.startswith(("+55", "(")) and len(candidate.value) > len(value)
        if candidate.labelled:
            return Verdict(0.95, (Evidence.FORMAT,) if clear else ())
        if clear:
            return Verdict(0.85, (Evidence.FORMAT,))
        if _BARE_AREA.fullmatch(candidate.value):
            return Verdict(0.6, (Evidence.FORMAT,))
        before = candidate.text[max(0, candidate.start - _NEARBY) : candidate.start].rpartition("\n\n")[2]
        after = candidate.text[candidate.end : candidate.end + _NEARBY].partition("\n")[0]
        near = len(subscriber) == _MOBILE_LENGTH and (_CALLING.search(unaccented(before)) or "@" in after)
        return Verdict(0.5, (Evidence.FORMAT,)) if near else None

    @staticmethod
    def _local(value: str, *, labelled: bool) -> Verdict | None:
        if not labelled or _placeholder(value) or not _brazilian("11", value):
            return None
        return Verdict(0.4 if value in _EXAMPLES else 0.7)

    @staticmethod
    def _foreign(value: str, *, labelled: bool) -> Verdict | None:
        # Imported at the first candidate: its tables take time to load.
        import phonenumbers  # noqa: PLC0415

        try:
            number = phonenumbers.parse(value)
        except phonenumbers.NumberParseException:
            return None
        if phonenumbers.is_valid_number(number):
            kind = phonenumbers.number_type(number)
            free = {phonenumbers.PhoneNumberType.TOLL_FREE, phonenumbers.PhoneNumberType.SHARED_COST}
            return None if kind in free else Verdict(0.95 if labelled else 0.85, (Evidence.FORMAT,))
        return Verdict(0.6) if labelled and phonenumbers.is_possible_number(number) else None

    @staticmethod
    def _any(candidate: Candidate) -> Verdict | None:
        """A number of some other country's form: only its label says that it is one."""
        value = digits(candidate.value)
        plausible = _SHORTEST <= len(value) <= _LONGEST and _DATE.match(candidate.value) is None
        if not candidate.labelled or not plausible or _placeholder(value) or value in _EXAMPLES:
            return None
        return Verdict(0.55)

    @staticmethod
    def _north_american(candidate: Candidate) -> Verdict | None:
        value = digits(candidate.value)[-10:]
        # 555-0100 to 555-0199 are set aside for fiction; 800 and its kin are free calls (NANPA).
        if value[3:8] == "55501" or (value[0] == "8" and value[1] == value[2]) or repeated(value):
            return None
        if candidate.labelled:
            return Verdict(0.9, (Evidence.FORMAT,))
        return Verdict(0.6 if "(" in candidate.value else 0.45, (Evidence.FORMAT,))
