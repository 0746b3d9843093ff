"""CSV and TSV: rows and columns, the header as label, of any length in bounded memory."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from guarita.pii.documents.cells import Row, table_blocks
from guarita.pii.documents.decode import text_pieces
from guarita.pii.documents.interface import Block, Extractor, Limits, Source, damaged, too_large

_SAMPLE = 1 << 16
_LINE_END: Final = re.compile(r"(?<=\n)|(?<=\r)(?!\n)")


class DelimitedExtractor(Extractor):
    """Reads delimited text; the delimiter is what the first lines agree on."""

    kind = "csv"

    def blocks(self, source: Source, limits: Limits) -> Iterator[Block]:
        """Blocks of rows."""
        with source.open() as stream:
            found = records(text_pieces(stream), limits)
            rows = (Row(one.cells, f"row {one.number}", one.line) for one in found)
            yield from table_blocks(rows, limits)


class Record(NamedTuple):
    """One row as it is read and as it is written."""

    cells: list[str]
    raw: str
    """With its line's end."""
    number: int
    line: int
    """Where it begins, counted from 1."""
    delimiter: str


def records(pieces: Iterable[str], limits: Limits) -> Iterator[Record]:
    """The rows of delimited text. Raises DocumentError."""
    lines = _lines(pieces, limits.field_characters)
    sample: list[str] = []
    size = 0
    for line in lines:
        sample.append(line)
        size += len(line)
        if size > _SAMPLE or len(sample) >= 20:  # noqa: PLR2004  # enough lines to agree
            break
    taken: list[str] = []

    def everything() -> Iterator[str]:
        for source in (sample, lines):
            for line in source:
                taken.append(line)
                yield line

    # The module's limit is one for the process; it is raised, never lowered under another reader.
    csv.field_size_limit(max(csv.field_size_limit(), limits.field_characters))
    delimiter = _delimiter(sample)
    reader = csv.reader(everything(), delimiter=delimiter)
    number = 0
    try:
        while True:
            first = reader.line_num + 1
            cells = next(reader, None)
            if cells is None:
                return
            number += 1
            yield Record(cells, "".join(taken), number, first, delimiter)
            taken.clear()
    except csv.Error:
        raise damaged(f"row {number + 1} is no delimited text, or a cell in it never ends") from None


def _lines(pieces: Iterable[str], limit: int) -> Iterator[str]:
    """Lines with their ends, of whichever kind. Raises DocumentError for one much longer than a cell may be."""
    rest = ""
    for piece in pieces:
        rest += piece
        # The line feed of a carriage return may be in the next piece.
        held = rest[-1:] if rest.endswith("\r") else ""
        *whole, rest = _LINE_END.split(rest[: len(rest) - len(held)])
        yield from whole
        rest += held
        if len(rest) > 16 * limit:
            raise too_large(len(rest), 16 * limit)
    if rest:
        *whole, rest = _LINE_END.split(rest)
        yield from (line for line in (*whole, rest) if line)


def _delimiter(sample: list[str]) -> str:
    """The delimiter that most of the first lines hold as often as the very first; a comma when none does."""
    lines = [line for line in sample if line.strip()]

    def agreement(delimiter: str) -> tuple[int, int]:
        expected = lines[0].count(delimiter) if lines else 0
        return sum(line.count(delimiter) == expected for line in lines) if expected else 0, expected

    best = max("\t;|,", key=agreement)
    return best if agreement(best)[1] else ","
