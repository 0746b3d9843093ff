"""CSV and TSV: cells changed where they stand; delimiter, quotes, line ends, mark and encoding stay."""

from __future__ import annotations

import csv
import io
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import BinaryIO

from guarita.pii.documents import Block, Limits, Source
from guarita.pii.documents.cells import Row, table_blocks
from guarita.pii.documents.delimited import Record, records
from guarita.pii.redaction.encoded import Encoding, kept_pieces, readable
from guarita.pii.redaction.interface import Choices, Edit, Editor, Redactor, Report

Cell = tuple[int, int]
"""(row of the batch, column)."""


class DelimitedRedactor(Redactor):
    """Changes cells, in bounded memory."""

    kind = "csv"

    def redact(
        self,
        source: Source,
        target: BinaryIO,
        editor: Editor,
        limits: Limits,
        choices: Choices,  # noqa: ARG002  # there is one way only
    ) -> Report:
        with source.open() as stream:
            written = Encoding(source.head())
            target.write(written.mark)
            batch: list[Record] = []

            def rows() -> Iterator[Row]:
                for record in records(kept_pieces(stream, written), limits):
                    batch.append(record)
                    yield Row([readable(cell) for cell in record.cells], "", record.number)

            for block in table_blocks(rows(), limits):
                edits = editor.edits(block)
                _write(target, written, batch, _by_cell(block, edits, batch))
                batch.clear()
            _write(target, written, batch, {})
        return Report()


def _by_cell(block: Block, edits: Sequence[Edit], batch: Sequence[Record]) -> dict[Cell, list[Edit]]:
    """Edits by the cell that they are in, at their places within it. A block has a span for each cell with text."""
    cells = [
        (row, column) for row, record in enumerate(batch) for column, cell in enumerate(record.cells) if cell
    ]
    starts = [span.start for span in block.spans]
    found: dict[Cell, list[Edit]] = {}
    for start, end, text in edits:
        number = bisect_right(starts, start) - 1
        at = starts[number]
        found.setdefault(cells[number], []).append(Edit(start - at, end - at, text))
    return found


def _write(
    target: BinaryIO, written: Encoding, batch: Sequence[Record], found: dict[Cell, list[Edit]]
) -> None:
    changed: dict[int, dict[int, str]] = {}
    for (row, column), edits in found.items():
        value, at = batch[row].cells[column], 0
        parts: list[str] = []
        for start, end, text in edits:
            parts += (value[at:start], text)
            at = end
        changed.setdefault(row, {})[column] = "".join((*parts, value[at:]))
    for row, record in enumerate(batch):
        target.write(written.encode(_rewritten(record, changed[row]) if row in changed else record.raw))


def _rewritten(record: Record, cells: dict[int, str]) -> str:
    """The row with some cells changed, the others as they were written."""
    raw = record.raw.rstrip("\r\n")
    end = record.raw[len(raw) :]
    fields = [match.group(1) for match in _field(record.delimiter).finditer(raw)]
    if [_value(field) for field in fields] != record.cells:
        # Quotes in an unusual place: the row is written anew.
        line = io.StringIO()
        new = [cells.get(column, cell) for column, cell in enumerate(record.cells)]
        csv.writer(line, delimiter=record.delimiter, lineterminator="").writerow(new)
        return line.getvalue() + end
    for column, value in cells.items():
        quoted = fields[column].startswith('"') or any(
            sign in value for sign in (record.delimiter, '"', "\n", "\r")
        )
        fields[column] = '"{}"'.format(value.replace('"', '""')) if quoted else value
    return record.delimiter.join(fields) + end


@lru_cache(maxsize=8)
def _field(delimiter: str) -> re.Pattern[str]:
    sign = re.escape(delimiter)
    return re.compile(rf'(?:^|(?<={sign}))("[^"]*(?:""[^"]*)*"|[^{sign}]*)(?={sign}|$)', re.DOTALL)


def _value(field: str) -> str:
    return field[1:-1].replace('""', '"') if len(field) > 1 and field[0] == field[-1] == '"' else field
