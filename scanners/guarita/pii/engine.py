"""Detection: recognizers over every chunk of a text, names by the model, one answer for each place."""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from guarita.pii.entities import entity_name
from guarita.pii.fold import plain
from guarita.pii.interface import REPORTED, Detection, Evidence
from guarita.pii.labels import Labels
from guarita.pii.lists import Lists
from guarita.pii.names import NameFinder, installed_finder
from guarita.pii.names.places import ADDRESS
from guarita.pii.names.tokens import Span
from guarita.pii.obfuscation import View, runs, visible
from guarita.pii.prefilter import Engine, prefilter
from guarita.pii.presidio import EntityRecognizer, RecognizerResult
from guarita.pii.recognizers import DEFAULT
from guarita.pii.recognizers.base import DISTANCE_KEY, EVIDENCE_KEY, SUSPECT_KEY, GuaritaRecognizer
from guarita.pii.recognizers.hints import Hint, view, windows

CHUNK = 8_192
"""Characters that a recognizer answers for at a time: patterns of Presidio grow worse than linearly."""
MARGIN = 512
"""Characters that it sees before and after those: more than any value with its label."""
_CONTEXT_GAIN = 0.35
_CONTEXT_FLOOR = 0.4
_FAR = 1_000
_SUSPECT_STRENGTH = 0.7
_DOUBT = 0.95
"""What a value loses whose digits had to be put together."""
_ADDRESS_PARTS = frozenset({"PII_CEP", "PII_PHONE"})
_WORD = re.compile(r"[^\W_]{2}")


class Detector:
    """Finds personal data in texts. Safe to use from several threads.

    `recognizers` are any Presidio recognizers that need no NLP engine; by default those of this package.
    `names` finds people and addresses: True for the installed model, loaded at the first text or by `load`;
    False for patterns alone. `threshold` is the score from which a detection is given. `engine` looks for
    the patterns' hints; all of them give the same. Types in `ignored` are not given, nor what `lists`
    allows; what they deny always is.
    """

    def __init__(
        self,
        recognizers: Sequence[EntityRecognizer] | None = None,
        *,
        names: NameFinder | bool = True,
        threshold: float = REPORTED,
        engine: Engine = "auto",
        ignored: Collection[str] = (),
        lists: Lists | None = None,
    ) -> None:
        self.recognizers: tuple[EntityRecognizer, ...] = (
            tuple(recognizers) if recognizers is not None else tuple(kind() for kind in DEFAULT)
        )
        self.threshold = threshold
        self._names = names
        self._ignored = frozenset(ignored)
        self._lists = lists or Lists()
        self._labels = [
            Labels(words) if (words := recognizer.context) else None for recognizer in self.recognizers
        ]
        self._hints: list[Hint] = list(
            dict.fromkeys(item.HINT for item in self.recognizers if isinstance(item, GuaritaRecognizer))
        )
        self._prefilter = prefilter([hint.pattern for hint in self._hints], engine)

    def load(self) -> None:
        """Load the model now, where names are looked for.

        Raises ModelError when there is none, MissingExtraError when what runs it is not installed: whoever
        wants names must not take silence for their absence.
        """
        if self._names is True:
            self._names = installed_finder()

    def detect(self, text: str) -> list[Detection]:
        """What stands in a text, in order of place, without overlaps.

        A text of any length is read in chunks that overlap, and the answer is that of reading it whole.
        Raises as `load`.
        """
        self.load()
        folded = plain(text)
        seen = visible(folded)
        if seen is None:
            return self._detect(folded)
        return [_placed(detection, seen) for detection in self._detect(seen.text)]

    def _detect(self, folded: str) -> list[Detection]:
        found: list[tuple[Detection, int]] = []
        for start, end in _chunks(len(folded)):
            low, high = max(0, start - MARGIN), min(len(folded), end + MARGIN)
            found += (
                (detection, distance)
                for detection, distance in self._chunk(folded[low:high], low)
                if start <= detection.start < end
            )
            found += (
                (detection, _FAR)
                for detection in self._broken(folded[low:high], low)
                if start <= detection.start < end
            )
        found += ((detection, 0) for detection in self._lists.found(folded))
        answer = _resolve(found, self.threshold)
        if isinstance(self._names, NameFinder):
            answer = _with_names(answer, self._names.find(folded), folded, self.threshold)
        return [item for item in answer if self._reported(item, folded)]

    def _reported(self, detection: Detection, text: str) -> bool:
        if Evidence.LISTED in detection.evidence:
            return True
        return detection.entity not in self._ignored and not self._lists.allows(detection, text)

    def _broken(self, text: str, offset: int) -> Iterator[Detection]:
        """Labelled numbers whose digits stand apart: only those whose check digits are right."""
        for spelled, start, end in runs(text):
            for detection, _ in self._chunk(spelled.text, 0):
                proven = {Evidence.CHECK_DIGITS, Evidence.LABEL} <= set(detection.evidence)
                if proven and (detection.start, detection.end) == (start, end):
                    low, high = spelled.span(start, end)
                    yield msgspec.structs.replace(
                        detection,
                        start=low + offset,
                        end=high + offset,
                        score=detection.score * _DOUBT,
                        evidence=(*detection.evidence, Evidence.OBFUSCATED),
                    )

    def _chunk(self, text: str, offset: int) -> Iterator[tuple[Detection, int]]:
        seen = view(text)
        places = {
            self._hints[number]: windows(self._hints[number], seen)
            for number in self._prefilter.present(seen)
        }
        for recognizer, labels in zip(self.recognizers, self._labels, strict=True):
            if isinstance(recognizer, GuaritaRecognizer):
                results = recognizer.within(text, places.get(recognizer.HINT, ()))
            else:
                results = recognizer.analyze(text, recognizer.supported_entities, None)  # type: ignore[arg-type]  # patterns need none
            for result in results:
                yield _detection(result, recognizer, labels, text, offset)


def _placed(detection: Detection, view: View) -> Detection:
    start, end = view.span(detection.start, detection.end)
    hidden = end - start > detection.end - detection.start
    return msgspec.structs.replace(
        detection,
        start=start,
        end=end,
        evidence=(*detection.evidence, Evidence.OBFUSCATED) if hidden else detection.evidence,
    )


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


def _with_names(
    patterns: Sequence[Detection], spans: Iterable[Span], text: str, threshold: float
) -> list[Detection]:
    """Patterns and names together: what a pattern holds for sure is cut out of a name, never the other way.

    An address takes over what is part of one: a postal code, a house number that reads as a telephone.
    """
    found = [span for span in spans if span.probability >= threshold]
    addresses = [span for span in found if span.entity == ADDRESS]
    ends = [span.end for span in addresses]

    def taken_over(item: Detection) -> bool:
        at = bisect.bisect_left(ends, item.end)
        return item.entity in _ADDRESS_PARTS and at < len(addresses) and addresses[at].start <= item.start

    kept = [item for item in patterns if not taken_over(item)]
    starts = [item.start for item in kept]
    named = [
        Detection(
            entity=span.entity,
            start=start,
            end=end,
            score=span.probability,
            evidence=span.evidence,
            recognizer="NameFinder",
        )
        for span in found
        for start, end in _free(span, kept, max(0, bisect.bisect_right(starts, span.start) - 1))
        if _WORD.search(text, start, end)
    ]
    return sorted((*kept, *named), key=lambda item: item.start)


def _free(span: Span, kept: Sequence[Detection], first: int) -> Iterator[tuple[int, int]]:
    """The parts of a span that no detection holds; those before `first` end before it."""
    start = span.start
    for item in itertools.islice(kept, first, None):
        if item.start >= span.end:
            break
        if item.end <= start:
            continue
        if item.start > start:
            yield start, item.start
        start = item.end
    if start < span.end:
        yield start, span.end


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
