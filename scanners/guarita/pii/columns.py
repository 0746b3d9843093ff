"""Tables: what a column holds is judged by its header and by what its first rows turn out to be.

A column that mostly holds CPFs holds CPFs: also where a program took the leading zeros off, or a typing error broke
the check digits. A column of numbers of which one in a hundred passes for a CPF holds something else.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from guarita.pii.documents import Block, Span
from guarita.pii.engine import Detector
from guarita.pii.interface import Detection, Evidence

SAMPLE: Final = 2_000
"""Cells of a column that are counted."""
ENOUGH: Final = 3
"""Cells that a column must have shown before anything is concluded for the others."""
MOSTLY: Final = 0.6
"""The share of a column's cells that makes the column what they are."""
MANY: Final = 40
"""Bare numbers of one length among which a few that pass a check do so by chance."""
RARE: Final = 0.08
_SCORE: Final = 0.6
_LENGTHS: Final = {
    "PII_CPF": 11,
    "PII_CNPJ": 14,
    "PII_PIS": 11,
    "PII_CNH": 11,
    "PII_RENAVAM": 11,
    "PII_CEP": 8,
}
_WORDS: Final = frozenset({"PII_PERSON", "PII_ADDRESS", "PII_LOCATION"})
_BARE: Final = re.compile(r"\d{5,19}")
_NUMBER: Final = re.compile(r"[\d.\-/ ]*\d[\d.\-/ ]*")
_NAME: Final = re.compile(r"[^\W\d_][^\d@:;{}<>]{2,118}")
_BY_ITSELF: Final = frozenset({Evidence.LABEL, Evidence.FORMAT})


class Columns:
    """What is known of the columns of a document's tables; fed with their blocks in order."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._known: dict[tuple[str, int], _Column] = {}

    def judged(self, block: Block, found: Sequence[Detection]) -> list[Detection]:
        """What was found in a table's block, without what is chance, with what the columns say of other cells."""
        cells = list(_cells(block, found))
        for span, inside in cells:
            self._column(block, span).count(block.text[span.start : span.end], inside)
        chance: set[tuple[int, int]] = set()
        more: list[Detection] = []
        doubtful: list[tuple[Span, str, str]] = []
        for span, inside in cells:
            text, column = block.text[span.start : span.end], self._column(block, span)
            entity = column.entity()
            if len(inside) == 1 and column.by_chance(inside[0], text):
                chance.add((inside[0].start, inside[0].end))
            elif inside or entity is None:
                continue
            elif entity in _LENGTHS:
                number = _number(text, _LENGTHS[entity])
                doubtful += [(span, entity, number)] if number else []
            elif entity in _WORDS and _NAME.fullmatch(text.strip()):
                more.append(_whole(span, entity, _SCORE))
        more += self._numbers(doubtful)
        if not (chance or more):
            return list(found)
        kept = [one for one in found if (one.start, one.end) not in chance]
        return sorted([*kept, *more], key=lambda one: one.start)

    def _column(self, block: Block, span: Span) -> _Column:
        return self._known.setdefault((block.table, span.column), _Column())

    def _numbers(self, doubtful: Sequence[tuple[Span, str, str]]) -> Iterator[Detection]:
        """Numbers with their zeros put back, behind a label that says what their column is; looked at all at once."""
        lines = [f"{entity.removeprefix('PII_')}: {number}" for _, entity, number in doubtful]
        found = self._detector.detect("\n\n".join(lines)) if lines else []
        starts = [one.start for one in found]
        at = 0
        for (span, entity, _), line in zip(doubtful, lines, strict=True):
            again = [
                one
                for one in found[bisect_left(starts, at) : bisect_left(starts, at + len(line))]
                if one.entity == entity
            ]
            at += len(line) + 2
            if again:
                yield _whole(span, entity, again[0].score, suspect=again[0].suspect)
            else:
                yield _whole(span, entity, _SCORE, suspect=True)


def _number(text: str, length: int) -> str:
    """The digits of a cell that may be a number of this length without its leading zeros; empty where it is none."""
    digits = re.sub(r"\D", "", text) if _NUMBER.fullmatch(text) else ""
    return digits.zfill(length) if length - 4 <= len(digits) <= length else ""


class _Column:
    """The first cells of one column."""

    __slots__ = ("_bare", "_cells", "_entities", "_passed")

    def __init__(self) -> None:
        self._cells = 0
        self._entities: Counter[str] = Counter()
        self._bare: Counter[int] = Counter()
        self._passed: Counter[int] = Counter()

    def count(self, text: str, inside: Sequence[Detection]) -> None:
        """Count a cell, unless enough are counted."""
        if self._cells >= SAMPLE or not text.strip():
            return
        self._cells += 1
        for entity in {one.entity for one in inside}:
            self._entities[entity] += 1
        if _BARE.fullmatch(text):
            self._bare[len(text)] += 1
            self._passed[len(text)] += bool(inside)

    def entity(self) -> str | None:
        """What the column mostly holds, once it is known."""
        if self._cells < ENOUGH or not self._entities:
            return None
        entity, count = self._entities.most_common(1)[0]
        return entity if count >= max(2, MOSTLY * self._cells) else None

    def by_chance(self, one: Detection, text: str) -> bool:
        """Whether a bare number passed a check that its neighbours of the same length do not."""
        if _BY_ITSELF.intersection(one.evidence) or not _BARE.fullmatch(text):
            return False
        numbers = self._bare[len(text)]
        return numbers >= MANY and self._passed[len(text)] <= RARE * numbers


def _cells(block: Block, found: Sequence[Detection]) -> Iterator[tuple[Span, list[Detection]]]:
    starts = [one.start for one in found]
    for span in block.spans:
        if span.column >= 0:
            first = bisect_left(starts, span.start)
            last = bisect_left(starts, span.end)
            yield span, list(found[first:last])


def _whole(span: Span, entity: str, score: float, *, suspect: bool = False) -> Detection:
    return Detection(
        entity=entity,
        start=span.start,
        end=span.end,
        score=score,
        evidence=(Evidence.COLUMN,),
        suspect=suspect,
        recognizer="Columns",
    )
