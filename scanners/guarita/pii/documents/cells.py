"""Rows of a table as text: each cell behind its column's header, so that the header labels it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from guarita.pii.documents.fragments import origins
from guarita.pii.documents.interface import Block, DocumentError, Limits, Origin, Place, Span

HEADER = 40
"""Characters of a header that are kept: a label is short."""
_BLOCK = 1 << 16


def column_name(index: int) -> str:
    """The letters of a column counted from 0, as spreadsheets show it: A, …, Z, AA."""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


class Row:
    """One row: its cells in order, and where it stands. `pieces` are the cells' texts with their places."""

    __slots__ = ("cells", "line", "pieces", "where")

    def __init__(
        self,
        cells: Sequence[str],
        where: str,
        line: int = 0,
        pieces: Sequence[Sequence[str]] | None = None,
    ) -> None:
        self.cells = cells
        self.where = where
        self.line = line
        self.pieces = pieces


def table_blocks(rows: Iterable[Row], limits: Limits, table: str = "table") -> Iterator[Block]:
    """Blocks of a table whose first row that is not empty holds the headers; `table` tells it from others.

    There is a span for each cell that is not empty. Raises DocumentError `document.too-large` for a cell longer
    than the limit.
    """
    headers: list[str] | None = None
    parts: list[str] = []
    spans: list[Span] = []
    places: list[Origin] = []
    length = 0
    for row in rows:
        for index, cell in enumerate(row.cells):
            if not cell:
                continue
            if len(cell) > limits.field_characters:
                raise DocumentError(
                    "document.too-large",
                    f"{row.where}: a cell of {len(cell)} characters, where {limits.field_characters} are read",
                )
            label = headers[index] if headers and index < len(headers) else ""
            if label:
                parts.append(label)
                length += len(label)
            place = Place(line=row.line, label=f"{row.where}, column {column_name(index)}")
            parts += (cell, "\t")
            spans.append(Span(length, length + len(cell), place, index if headers else -1))
            if row.pieces is not None:
                places += origins(row.pieces[index], length)
            length += len(cell) + 1
        if headers is None and any(row.cells):
            headers = [_header(cell) for cell in row.cells]
        parts.append("\n")
        length += 1
        if length >= _BLOCK:
            yield Block("".join(parts), tuple(spans), table, origins=tuple(places))
            parts, spans, places, length = [], [], [], 0
    if spans:
        yield Block("".join(parts), tuple(spans), table, origins=tuple(places))


def _header(cell: str) -> str:
    text = " ".join(cell.split())
    # A header that holds digits in a row is data: such a table has none.
    if not text or len(text) > HEADER or sum(map(str.isdigit, text)) > 2 or "@" in text:  # noqa: PLR2004  # "Telefone 2"
        return ""
    return f"{text}: "
