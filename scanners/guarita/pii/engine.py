"""Detection: every recognizer over every chunk of a text, what they say joined, one answer for each place."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Sequence

from guarita.pii.entities import entity_name
from guarita.pii.fold import plain
from guarita.pii.interface import REPORTED, Detection, Evidence
from guarita.pii.labels import Labels
from guarita.pii.presidio import EntityRecognizer, RecognizerResult
from guarita.pii.recognizers import DEFAULT
from guarita.pii.recognizers.base import DISTANCE_KEY, EVIDENCE_KEY, SUSPECT_KEY

CHUNK = 8_192
"""Characters that a recognizer answers for at a time: patterns of Presidio grow worse than linearly."""
MARGIN = 512
"""Characters that it sees before and after those: more than any value with its label."""
_CONTEXT_GAIN = 0.35
_CONTEXT_FLOOR = 0.4
_FAR = 1_000
_SUSPECT_STRENGTH = 0.7


class Detector:
    """Finds personal data in texts. Safe to use from several threads, since it keeps nothing between calls.

    `recognizers` are any Presidio recognizers that need no NLP engine; by default those of this package.
    `threshold` is the score from which a detection is given.
    """

    def __init__(
        self, recognizers: Sequence[EntityRecognizer] | None = None, *, threshold: float = REPORTED
    ) -> None:
        self.recognizers: tuple[EntityRecognizer, ...] = (
            tuple(recognizers) if recognizers is not None else tuple(kind() for kind in DEFAULT)
        )
        self.threshold = threshold
        self._labels = [
            Labels(words) if (words := recognizer.context) else None for recognizer in self.recognizers
        ]

    def detect(self, text: str) -> list[Detection]:
        """What stands in a text, in order of place, without overlaps.

        A text of any length is read in chunks that overlap, and the answer is that of reading it whole.
        """
        folded = plain(text)
        found: list[tuple[Detection, int]] = []
        for start, end in _chunks(len(folded)):
            low, high = max(0, start - MARGIN), min(len(folded), end + MARGIN)
            found += (
                (detection, distance)
                for detection, distance in self._chunk(folded[low:high], low)
                if start <= detection.start < end
            )
        return _resolve(found, self.threshold)

    def _chunk(self, text: str, offset: int) -> Iterator[tuple[Detection, int]]:
        for recognizer, labels in zip(self.recognizers, self._labels, strict=True):
            for result in recognizer.analyze(text, recognizer.supported_entities, None):  # type: ignore[arg-type]  # patterns need none
                yield _detection(result, recognizer, labels, text, offset)


def _chunks(length: int) -> Iterator[tuple[int, int]]:
    for start in range(0, length, CHUNK):
        yield start, min(start + CHUNK, length)


def _detection(
    result: RecognizerResult, recognizer: EntityRecognizer, labels: Labels | None, text: str, offset: int
) -> tuple[Detection, int]:
    metadata = result.recognition_metadata or {}
    score = float(result.score)
    if EVIDENCE_KEY in metadata:
        evidence = metadata[EVIDENCE_KEY]
        distance = metadata.get(DISTANCE_KEY)
    else:
        # From elsewhere: its context words are looked for as Presidio's own engine would, without lemmas.
        evidence = (Evidence.PATTERN,)
        distance = labels.distance(text, result.start, result.end) if labels else None
        if distance is not None:
            evidence = (*evidence, Evidence.LABEL)
            score = min(1.0, max(score + _CONTEXT_GAIN, _CONTEXT_FLOOR))
    detection = Detection(
        entity=entity_name(result.entity_type),
        start=result.start + offset,
        end=result.end + offset,
        score=score,
        evidence=evidence,
        suspect=bool(metadata.get(SUSPECT_KEY)),
        recognizer=str(getattr(recognizer, "name", type(recognizer).__name__)),
    )
    return detection, _FAR if distance is None else distance


def _resolve(found: Iterable[tuple[Detection, int]], threshold: float) -> list[Detection]:
    """One detection for each place: the surest, then the one whose label is nearest, then the longest.

    A weak reading does not hide behind the threshold and take a stronger one with it: those below it are
    left out first.
    """

    def rank(item: tuple[Detection, int]) -> tuple[float, int, int, str]:
        detection, distance = item
        # A label says more than check digits that one number in ten satisfies by chance; and of labels at
        # different distances the nearest is right.
        strength = _SUSPECT_STRENGTH if detection.suspect else detection.score
        return -strength, distance, detection.start - detection.end, detection.entity

    kept: list[Detection] = []
    starts: list[int] = []
    for detection, _ in sorted((item for item in found if item[0].score >= threshold), key=rank):
        at = bisect.bisect(starts, detection.start)
        free_before = at == 0 or kept[at - 1].end <= detection.start
        free_after = at == len(kept) or detection.end <= kept[at].start
        if free_before and free_after:
            starts.insert(at, detection.start)
            kept.insert(at, detection)
    return kept
