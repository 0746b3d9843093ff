"""Passport numbers: two letters and six digits in Brazil, up to nine signs elsewhere (ICAO 9303), so only labelled."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from guarita.pii.checkdigits import digits, repeated
from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import Candidate, GuaritaRecognizer, Verdict, alone
from guarita.pii.recognizers.hints import Hint

_BRAZILIAN: Final = re.compile(r"[A-Z]{2} ?\d{6}")


class PassportRecognizer(GuaritaRecognizer):
    """Finds passports beside their label."""

    ENTITY = "PII_PASSPORT"
    HINT = Hint(r"[0-9]{6}", 4, 6)
    PATTERNS: ClassVar = (("passport", alone(r"[A-Z]{1,2}[ ]?\d{6,8}|\d{8,9}")),)
    LABELS: ClassVar = (
        "passaporte",
        "passaportes",
        "passport",
        "passport number",
        "passport no",
        "pasaporte",
        "reisepass",
        "passeport",
    )

    def judge(self, candidate: Candidate) -> Verdict | None:
        """Beside its label."""
        if not candidate.labelled or repeated(digits(candidate.value)):
            return None
        usual = _BRAZILIAN.fullmatch(candidate.value) is not None
        return Verdict(0.93 if usual else 0.8, (Evidence.FORMAT,) if usual else ())
