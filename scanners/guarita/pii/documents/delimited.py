"""CSV and TSV: rows and columns, the header as label, of any length in bounded memory."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from guarita.pii.documents.cells import Row, table_blocks
from guarita.pii.documents.decode import text_pieces
from guarita.pii.documents.interface import Block, Extractor, Limits, Source, damaged, too_large

_SAMPLE = 1 << 16


class DelimitedExtractor(Extractor):
    """Reads delimited text; the delimiter is what the first lines agree on."""

    kind = "csv"

    def blocks(self, source: Source, limits: Limits) -> Iterator[Block]:
        """Blocks of rows."""
        with source.open() as stream:
            lines = _lines(text_pieces(stream), limits.field_characters)
            yield from table_blocks(_rows(lines, limits), limits)


def _lines(pieces: Iterable[str], limit: int) -> Iterator[str]:
    """Lines with their ends. Raises DocumentError for one much longer than a cell may be."""
    rest = ""
    for piece in pieces:
        rest += piece
        *whole, rest = rest.split("\n")
        for line in whole:
            yield f"{line}\n"
        if len(rest) > 16 * limit:
            raise too_large(len(rest), 16 * limit)
    if rest:
        yield rest


def _rows(lines: Iterator[str], limits: Limits) -> Iterator[Row]:
    sample: list[str] = []
    size = 0
    for line in lines:
        sample.append(line)
        size += len(line)
        if size > _SAMPLE or len(sample) >= 20:  # noqa: PLR2004  # enough lines to agree
            break

    def everything() -> Iterator[str]:
        yield from sample
        yield from lines

    # The module's limit is one for the process; it is raised, never lowered under another reader.
    csv.field_size_limit(max(csv.field_size_limit(), limits.field_characters))
    reader = csv.reader(everything(), delimiter=_delimiter(sample))
    number = 0
    try:
        while True:
            first = reader.line_num + 1
            cells = next(reader, None)
            if cells is None:
                return
            number += 1
            yield Row(cells, f"row {number}", first)
    except csv.Error:
        raise damaged(f"row {number + 1} is no delimited text, or a cell in it never ends") from None


def _delimiter(sample: list[str]) -> str:
    """The delimiter that most of the first lines hold as often as the very first; a comma when none does."""
    lines = [line for line in sample if line.strip()]

    def agreement(delimiter: str) -> tuple[int, int]:
        expected = lines[0].count(delimiter) if lines else 0
        return sum(line.count(delimiter) == expected for line in lines) if expected else 0, expected

    best = max("\t;|,", key=agreement)
    return best if agreement(best)[1] else ","
