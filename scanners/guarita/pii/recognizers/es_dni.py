"""Spanish DNI and NIE: eight digits (a foreigner's first is X, Y or Z) and a letter (Real Decreto 1553/2005)."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import SUSPECT, Candidate, GuaritaRecognizer, Verdict, alone
from guarita.pii.recognizers.hints import Hint

_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_FIRST: Final = str.maketrans("XYZ", "012")


def valid_dni(value: str) -> bool:
    """Whether eight characters and a letter satisfy the check."""
    return _LETTERS[int(value[:8].translate(_FIRST)) % len(_LETTERS)] == value[8]


class EsDniRecognizer(GuaritaRecognizer):
    """Finds DNI and NIE, with or without a hyphen."""

    ENTITY = "PII_ES_DNI"
    COUNTRY_CODE = "es"
    HINT = Hint(r"[0-9]{2}\.?[0-9]{3}\.?[0-9]{2}", 3, 4)
    PATTERNS: ClassVar = (("DNI", alone(r"(?:[XYZ]-?\d{7}|\d{2}\.?\d{3}\.?\d{3})[ \-]?[A-HJ-NP-TV-Z]")),)
    LABELS: ClassVar = ("dni", "nie", "nif", "documento nacional de identidad", "d.n.i.", "n.i.e.")

    def judge(self, candidate: Candidate) -> Verdict | None:
        """By its letter: one in twenty-three is right by chance."""
        value = re.sub(r"[ .\-]", "", candidate.value)
        if not valid_dni(value):
            return SUSPECT if candidate.labelled else None
        if value == "12345678Z":
            return Verdict(0.36, (Evidence.CHECK_DIGITS, Evidence.TEST_VALUE))
        return Verdict(0.97 if candidate.labelled else 0.6, (Evidence.CHECK_DIGITS, Evidence.FORMAT))
