"""The base of recognizers whose numbers look like any other number, so that a label must name them."""

from __future__ import annotations

import abc
from typing import ClassVar

from guarita.pii.checkdigits import digits, repeated
from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import SUSPECT, Candidate, GuaritaRecognizer, Verdict


class LabelledNumberRecognizer(GuaritaRecognizer, abc.ABC):
    """Finds numbers with check digits where a label names them, or where their own punctuation does."""

    USUAL_SCORE: ClassVar[float] = 0.0
    """The score of a valid number in the punctuation of the pattern called `usual`, without a label."""

    @abc.abstractmethod
    def valid(self, value: str) -> bool:
        """Whether the check digits of a string of digits are right."""

    def judge(self, candidate: Candidate) -> Verdict | None:
        """With a label by its check digits; without one only in its own punctuation."""
        value = digits(candidate.value)
        if repeated(value):
            return None
        valid = self.valid(value)
        if candidate.labelled:
            return Verdict(0.97, (Evidence.CHECK_DIGITS,)) if valid else SUSPECT
        if valid and self.USUAL_SCORE and candidate.pattern == "usual":
            return Verdict(self.USUAL_SCORE, (Evidence.CHECK_DIGITS, Evidence.FORMAT))
        return None
