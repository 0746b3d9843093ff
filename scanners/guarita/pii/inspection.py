"""A document inspected: what stands in it, where, and an anchor that survives edits around it."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

import msgspec

from guarita.pii.columns import Columns
from guarita.pii.documents import DEFAULT_LIMITS, Block, Limits, Place, Source, blocks
from guarita.pii.engine import Detector
from guarita.pii.interface import Detection

_AROUND = 100
"""Characters of the line on either side that the anchor looks at."""
_DIGITS = re.compile(r"\d[\d\s.,\-/]*\d|\d")
_FOLD = re.compile(r"\s+")


class Located(msgspec.Struct, frozen=True, kw_only=True):
    """A detection with its place in the document. Nothing in it gives the value back."""

    detection: Detection
    place: Place
    anchor: str
    """16 hex digits over the masked line: the same after the value, the digits or the spaces around changed."""


def inspect(source: Source, detector: Detector, limits: Limits = DEFAULT_LIMITS) -> Iterator[Located]:
    """Everything that a detector finds in a document, in order of place.

    Raises DocumentError when the document cannot be read to its end.
    """
    inspector = Inspector(detector)
    for block in blocks(source, limits):
        yield from inspector.located(block)


class Inspector:
    """Looks at the blocks of one document in their order, and learns from a table's first rows for the others."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._columns = Columns(detector)

    def detections(self, block: Block) -> list[Detection]:
        """Everything that is found in a block, in order; also what stands in no span, for the sake of its place."""
        found = self._detector.detect(block.text)
        return self._columns.judged(block, found) if block.table else found

    def located(self, block: Block) -> Iterator[Located]:
        """What is found in the spans of a block."""
        found = self.detections(block)
        starts = [detection.start for detection in found]
        for index, detection in enumerate(found):
            place = block.place(detection.start)
            if place is not None:
                yield Located(
                    detection=detection, place=place, anchor=_anchor(block.text, found, starts, index)
                )


def _anchor(text: str, found: Sequence[Detection], starts: Sequence[int], index: int) -> str:
    """A digest of the line with every datum and number masked.

    The masked line may still hold names, so it is not kept as text; and no value is in what is hashed, so
    trying values against the digest tells nothing.
    """
    own = found[index]
    low = max(text.rfind("\n", 0, own.start) + 1, own.start - _AROUND)
    newline = text.find("\n", own.end)
    high = min(len(text) if newline < 0 else newline, own.end + _AROUND)
    # A datum that the window's edge would cut is left out as a whole.
    first = bisect_left(starts, low - 512)
    position = low
    parts: list[str] = []
    for detection in found[first:]:
        if detection.start >= high:
            break
        if detection.end <= low:
            continue
        parts += (text[position : max(position, detection.start)], f"<{detection.entity}>")
        position = max(position, detection.end)
    parts.append(text[position:high])
    masked = _FOLD.sub(" ", _DIGITS.sub("#", "".join(parts))).strip().casefold()
    return hashlib.sha256(masked.encode("utf-8", "surrogatepass")).hexdigest()[:16]
