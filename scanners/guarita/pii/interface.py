"""What detection gives: a detection says what stands where and why, and never holds the value itself."""

from __future__ import annotations

import enum

import msgspec

HIGH = 0.8
"""The score from which confidence is high."""
MEDIUM = 0.5
"""The score from which confidence is medium; below it is low."""
REPORTED = 0.35
"""The score from which a detection is reported unless the caller says otherwise."""


class Evidence(enum.Enum):
    """One reason for a detection, in words that fit into a sentence."""

    CHECK_DIGITS = "check digits valid"
    CHECK_DIGITS_FAIL = "check digits do not match"
    LABEL = "label beside it"
    FORMAT = "usual format"
    ISSUER = "issuer range known"
    DOMAIN = "registered top-level domain"
    TEST_VALUE = "a documented test value"
    PLACEHOLDER = "a placeholder or shared mailbox"
    DATE_LIKE = "reads as a date and time"
    PATTERN = "pattern"
    LISTED = "listed in the configuration"
    OBFUSCATED = "written so as to be overlooked, or broken"
    MODEL = "the model's reading of the sentence"
    TITLE = "title before it"
    NAMED_ELSEWHERE = "part of a name elsewhere in the document"
    SPELLED_IN_EMAIL = "spelled in the e-mail address beside it"
    ADDRESS_FORM = "form of an address"
    ABOUT_SOMEBODY = "a word of its class in a sentence about somebody"
    PLACE_NAME = "name of a country or state"
    COLUMN = "the rest of its column"


class Detection(msgspec.Struct, frozen=True, kw_only=True):
    """Personal data of one type at one place in a text.

    `start` and `end` are positions in the text that was given (`text[start:end]`). `score` is between 0
    and 1: how probable it is that this is a datum of its type about someone.
    """

    entity: str
    """The type, `PII_CPF`."""
    start: int
    end: int
    score: float
    evidence: tuple[Evidence, ...] = ()
    suspect: bool = False
    """Labelled as what it is, yet it fails its check: for a person to look at."""
    recognizer: str = ""

    @property
    def confidence(self) -> str:
        """`high`, `medium` or `low`; a suspect is always low."""
        if self.suspect or self.score < MEDIUM:
            return "low"
        return "high" if self.score >= HIGH else "medium"

    @property
    def reasons(self) -> str:
        """The evidence in one phrase."""
        return ", ".join(reason.value for reason in self.evidence)
