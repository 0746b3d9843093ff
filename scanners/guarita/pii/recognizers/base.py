"""The base of the recognizers here: a Presidio pattern recognizer that also says why it is sure."""

from __future__ import annotations

import abc
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from guarita.pii.interface import Evidence
from guarita.pii.labels import Labels
from guarita.pii.presidio import AnalysisExplanation, Pattern, PatternRecognizer, RecognizerResult
from guarita.pii.recognizers.hints import NUMBER, Hint, view, windows

EVIDENCE_KEY: Final = "evidence"
"""In `recognition_metadata`: a tuple of `Evidence`."""
SUSPECT_KEY: Final = "suspect"
"""In `recognition_metadata`: whether the value is labelled and fails its check."""
DISTANCE_KEY: Final = "label_distance"
"""In `recognition_metadata`: characters to the nearest label, None without one."""

# A number stands alone: not inside a word, and not a slice of a longer number with punctuation.
ALONE_BEFORE: Final = r"(?<![^\W_])(?<!\d[.\-/])(?<![$€£#])"
ALONE_AFTER: Final = r"(?![^\W_])(?![.\-/]\d)"


def alone(regex: str) -> str:
    """A pattern that matches only where a number stands alone."""
    return f"{ALONE_BEFORE}(?:{regex}){ALONE_AFTER}"


@dataclass(frozen=True)
class Candidate:
    """A match of a pattern, to be judged."""

    value: str
    pattern: str
    """The name of the pattern."""
    labelled: bool
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Verdict:
    """What a recognizer makes of a candidate: how probable, and why."""

    score: float
    evidence: tuple[Evidence, ...] = ()
    suspect: bool = False


class GuaritaRecognizer(PatternRecognizer, abc.ABC):
    """A recognizer of one entity type by patterns, a judgement of each match, and labels beside it.

    It works in any language: the labels of all of them are looked for at once. `patterns` holds Presidio
    patterns, so that one engine may run the patterns of all recognizers in one pass.
    """

    ENTITY: ClassVar[str]
    """The entity type, `PII_CPF`."""
    PATTERNS: ClassVar[Sequence[tuple[str, str]]]
    """(name, regular expression) pairs. Each must be linear: no nested repetition, every repetition bounded."""
    LABELS: ClassVar[Sequence[str]]
    """Words that say what stands beside them, without accents."""
    HINT: ClassVar[Hint] = NUMBER
    """Where the patterns may match at all."""

    def __init_subclass__(cls) -> None:
        # Presidio's registry looks its own recognizers up by the names of classes, among all subclasses there
        # are: ours may not be called as its are.
        super().__init_subclass__()
        cls.__name__ = f"Guarita{cls.__name__}"

    def __init__(self, *, language: str = "pt") -> None:
        super().__init__(
            supported_entity=self.ENTITY,
            supported_language=language,
            patterns=[Pattern(name, regex, 0.0) for name, regex in self.PATTERNS],
            context=list(self.LABELS),
            global_regex_flags=0,
        )
        self._compiled = [(name, re.compile(regex)) for name, regex in self.PATTERNS]
        self._labels = Labels(self.LABELS) if self.LABELS else None

    @abc.abstractmethod
    def judge(self, candidate: Candidate) -> Verdict | None:
        """How probable a match is, or None when it is not a datum of this type at all."""

    def analyze(
        self,
        text: str,
        entities: Sequence[str] | None = None,
        nlp_artifacts: object = None,  # noqa: ARG002  # Presidio's signature
        regex_flags: int | None = None,  # noqa: ARG002  # Presidio's signature
    ) -> list[RecognizerResult]:
        """Every datum of this type in a text, as Presidio's recognizers give them."""
        if entities is not None and self.ENTITY not in entities:
            return []
        return self.within(text, windows(self.HINT, view(text)))

    def within(self, text: str, places: Iterable[tuple[int, int]]) -> list[RecognizerResult]:
        """Every datum of this type in some stretches of a text: the windows of this recognizer's hint."""
        results = []
        for low, high in places:
            for name, regex in self._compiled:
                # With bounds instead of a slice a pattern still sees what stands before the window.
                for match in regex.finditer(text, low, high):
                    start, end = match.span()
                    distance = self._labels.distance(text, start, end) if self._labels else None
                    candidate = Candidate(match.group(), name, distance is not None, text, start, end)
                    verdict = self.judge(candidate)
                    if verdict is not None:
                        results.append(self._result(candidate, verdict, distance))
        return results

    def _result(self, candidate: Candidate, verdict: Verdict, distance: int | None) -> RecognizerResult:
        evidence = verdict.evidence
        if candidate.labelled and Evidence.LABEL not in evidence:
            evidence = (*evidence, Evidence.LABEL)
        return RecognizerResult(
            entity_type=self.ENTITY,
            start=candidate.start,
            end=candidate.end,
            score=verdict.score,
            analysis_explanation=AnalysisExplanation(
                recognizer=type(self).__name__,
                original_score=verdict.score,
                pattern_name=candidate.pattern,
                textual_explanation=", ".join(reason.value for reason in evidence),
            ),
            recognition_metadata={
                RecognizerResult.RECOGNIZER_NAME_KEY: type(self).__name__,
                RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
                EVIDENCE_KEY: evidence,
                SUSPECT_KEY: verdict.suspect,
                DISTANCE_KEY: distance,
            },
        )


SUSPECT: Final = Verdict(0.4, (Evidence.CHECK_DIGITS_FAIL,), suspect=True)
"""The verdict on a value that its label names and its check digits deny."""
TEST_VALUE: Final = Verdict(0.4, (Evidence.CHECK_DIGITS, Evidence.TEST_VALUE))
"""The verdict on a value that documentation uses as an example: low, not nothing."""
