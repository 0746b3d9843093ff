"""Dates of birth: a date that a label or a verb calls so. Any other date is no personal datum."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import Candidate, GuaritaRecognizer, Verdict
from guarita.pii.recognizers.hints import Hint

_MONTHS: Final = (
    "jan(?:eiro|uary)?|fev(?:ereiro)?|feb(?:ruary)?|mar(?:co|ço|ch)?|abr(?:il)?|apr(?:il)?|maio?|may|jun(?:ho|e)?"
    "|jul(?:ho|y)?|ago(?:sto)?|aug(?:ust)?|set(?:embro)?|sep(?:t|tember)?|out(?:ubro)?|oct(?:ober)?"
    "|nov(?:embro|ember)?|dez(?:embro)?|dec(?:ember)?"
)
_YEAR: Final = r"(?:19|20)\d{2}"
_YEARS: Final = re.compile(_YEAR)
_OLDEST: Final = 1900


class DateOfBirthRecognizer(GuaritaRecognizer):
    """Finds dates beside a label that says that somebody was born."""

    ENTITY = "PII_DATE_OF_BIRTH"
    HINT = Hint(r"(?i:nasc|birth|born|dob|dn|d\.n\.|aniversario)", 48, 100)
    PATTERNS: ClassVar = (
        (
            "numeric",
            rf"(?<![\w/.\-])(?:\d{{1,2}}[/.\-]\d{{1,2}}[/.\-](?:{_YEAR}|\d{{2}})|{_YEAR}[/.\-]\d{{2}}[/.\-]\d{{2}})(?![\w/\-])",
        ),
        (
            "written",
            (
                rf"(?<!\w)(?i:\d{{1,2}}(?:º|st|nd|rd|th)?(?: of| de)? (?:{_MONTHS})\.?,?(?: of| de)? {_YEAR}"
                rf"|(?:{_MONTHS})\.? \d{{1,2}}(?:st|nd|rd|th)?,? {_YEAR})(?!\w)"
            ),
        ),
        ("compact", rf"(?<![\w/.\-])(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2]){_YEAR}(?![\w/.\-])"),
    )
    LABELS: ClassVar = (
        "nascimento",
        "data de nascimento",
        "dt nascimento",
        "dt. nascimento",
        "data nasc",
        "nasc",
        "nascido",
        "nascida",
        "nascido em",
        "nascida em",
        "nascido aos",
        "nascida aos",
        "nasceu em",
        "nasceu no dia",
        "nasci em",
        "nasceu",
        "nasci",
        "dn",
        "d.n.",
        "aniversario",
        "date of birth",
        "birth date",
        "birthdate",
        "birthday",
        "dob",
        "born",
        "born on",
    )

    def judge(self, candidate: Candidate) -> Verdict | None:
        """Beside its label, in a year in which somebody living may have been born."""
        years = [int(year) for year in _YEARS.findall(candidate.value)]
        if not candidate.labelled or any(year < _OLDEST for year in years):
            return None
        return Verdict(0.92 if years else 0.75, (Evidence.FORMAT,))
