"""XLSX and its kin: the cells of every sheet, hidden ones too, and the notes beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import python_calamine

from guarita.pii.documents import xmltext
from guarita.pii.documents.archive import Archive, open_archive
from guarita.pii.documents.cells import Row, table_blocks
from guarita.pii.documents.interface import Block, DocumentError, Extractor, Limits, Source, damaged
from guarita.pii.documents.ooxml import LinkHandler, LooseHandler, PartHandler

_SHEET = re.compile(r"^xl/worksheets/[^/]+\.xml$")
_CELL = re.compile(rb'<(?:\w+:)?c\b[^>]*?\br="([A-Za-z]{1,3})([0-9]{1,7})"')
_BESIDE = re.compile(
    r"^(?:xl/(?:comments\d*|threadedComments/.*|drawings/[^/]*|persons/.*)|docProps/.*)\.xml$|.*\.rels$"
)
_READ = re.compile(r"^(?:\[Content_Types\]\.xml|_rels/.*|xl/.*\.(?:xml|rels|bin))$")


class SpreadsheetExtractor(Extractor):
    """Reads XLSX and XLSM. Formulas give the value that was saved with them; macros are not run."""

    kind = "xlsx"

    def blocks(self, source: Source, limits: Limits) -> Iterator[Block]:
        """Blocks of rows by sheet, then what stands beside the cells."""
        with open_archive(source, limits) as archive:
            for name in archive.names:
                if _SHEET.match(name):
                    _check_extent(archive, name, limits)
        # A second count of the expanded bytes: the copy reads every entry once more.
        with open_archive(source, limits) as archive:
            yield from _sheets(archive.copy(lambda name: _READ.match(name) is not None), limits)
        with open_archive(source, limits) as archive:
            for name in archive.names:
                if _BESIDE.match(name):
                    handler = _beside(name)
                    xmltext.parse(archive.pieces(name), handler, limits, handler.part)
                    yield from handler.blocks(limits)


def _beside(name: str) -> PartHandler:
    if name.endswith(".rels"):
        return LinkHandler("links")
    if name.startswith("docProps/"):
        return LooseHandler("properties")
    # A note's text is made of runs, or stands in the element itself in threaded ones.
    return PartHandler("notes", paragraphs=frozenset({"p", "text"}), leaves=frozenset({"t", "text"}))


def _check_extent(archive: Archive, name: str, limits: Limits) -> None:
    """Refuse a sheet whose outermost cells span more than the limit: readers lay out the whole rectangle."""
    rest = b""
    columns = rows = 1
    for piece in archive.pieces(name):
        rest += piece
        for letters, number in _CELL.findall(rest):
            column = 0
            for letter in letters.upper():
                column = column * 26 + letter - 64
            columns, rows = max(columns, column), max(rows, int(number))
        rest = rest[-256:]
    if columns * rows > limits.cells:
        raise DocumentError(
            "document.bomb",
            f"a sheet spans {rows} rows by {columns} columns, where {limits.cells} cells are read",
        )


def _sheets(stream: BinaryIO, limits: Limits) -> Iterator[Block]:
    try:
        with python_calamine.CalamineWorkbook.from_filelike(stream) as workbook:
            for number, name in enumerate(workbook.sheet_names, start=1):
                sheet = workbook.get_sheet_by_name(name)
                first = sheet.start[0] if sheet.start else 0
                left = sheet.start[1] if sheet.start else 0
                rows = sheet.to_python(skip_empty_area=True)
                yield from table_blocks(
                    (
                        Row(
                            [""] * left + [_text(cell) for cell in row],
                            f"sheet {number}, row {first + index + 1}",
                        )
                        for index, row in enumerate(rows)
                    ),
                    limits,
                    f"sheet {number}",
                )
                yield from table_blocks([Row([name], f"sheet {number}, name")], limits)
    except (python_calamine.CalamineError, ValueError):
        raise damaged("it is no workbook that can be read") from None


def _text(cell: Any) -> str:
    """A cell as a person would read it: numbers without exponent or a fraction of zero."""
    if isinstance(cell, bool):
        return ""
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    return str(cell)
