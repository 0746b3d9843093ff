"""XLSX and its kin: the cells of every sheet, hidden ones too, and whatever else the file holds as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import python_calamine

from guarita.pii.documents import xmltext
from guarita.pii.documents.archive import Archive, open_archive
from guarita.pii.documents.cells import Row, table_blocks
from guarita.pii.documents.interface import Block, DocumentError, Extractor, Limits, Source, damaged
from guarita.pii.documents.ooxml import LinkHandler, LooseHandler, PartHandler
from guarita.pii.documents.package import Part, beside, part_kind

SHEET: Final = re.compile(r"^xl/(?:worksheets|chartsheets|dialogsheets|macrosheets)/[^/]+\.xml$")
STRINGS: Final = "xl/sharedStrings.xml"
_CELL = re.compile(rb'<(?:\w+:)?c\b[^>]*?\br="([A-Za-z]{1,3})([0-9]{1,7})"')
_NOTES: Final = re.compile(
    r"^xl/(?:comments\d*|comments/.*|threadedComments/.*|drawings/[^/]*|persons/.*)\.(?:xml|vml)$"
)
_SKIPPED: Final = re.compile(
    r"^(?:\[Content_Types\]\.xml|_rels/\.rels|xl/(?:styles|calcChain|metadata)\.xml|xl/theme/.*)$"
)
_READ = re.compile(r"^(?:\[Content_Types\]\.xml|_rels/.*|xl/.*\.(?:xml|rels|bin))$")


class SpreadsheetExtractor(Extractor):
    """Reads XLSX and XLSM. Formulas give the value that was saved with them, and their own text; nothing is run."""

    kind = "xlsx"

    def blocks(self, source: Source, limits: Limits) -> Iterator[Block]:
        """Blocks of rows by sheet, then what stands beside the cells."""
        with open_archive(source, limits) as archive:
            for name in archive.names:
                if SHEET.match(name):
                    check_extent(archive, name, limits)
        # A second count of the expanded bytes: the copy reads every entry once more.
        with open_archive(source, limits) as archive:
            yield from _sheets(archive.copy(lambda name: _READ.match(name) is not None), limits)
        used = Used()
        with open_archive(source, limits) as archive:
            for name in archive.names:
                if is_read(name):
                    part = handler(name, used)
                    xmltext.parse(archive.pieces(name), part, limits, part.part)
                    yield from part.blocks(limits)
            if STRINGS in archive.names:
                strings = StringsHandler(used)
                xmltext.parse(archive.pieces(STRINGS), strings, limits, "strings")
                yield from strings.blocks(limits)
            yield from beside(archive, limits)


def is_read(name: str) -> bool:
    """Whether a part is XML that may hold somebody's text, beside shared strings."""
    return part_kind(name) is Part.XML and name != STRINGS and not _SKIPPED.match(name)


def handler(name: str, used: Used | None = None) -> PartHandler:
    """What reads a part of this name, but for the cells of a sheet."""
    if name.endswith(".rels"):
        return LinkHandler("links")
    if SHEET.match(name):
        return SheetHandler(used)
    if _NOTES.match(name):
        # A note's text is made of runs, or stands in the element itself in threaded ones.
        texts = frozenset({"author", "p", "text"})
        return PartHandler("notes", paragraphs=texts, leaves=frozenset({"author", "t", "text"}))
    if name.startswith("docProps/"):
        return LooseHandler("properties")
    return LooseHandler(re.sub(r"[^a-zA-Z]", "", name.rpartition("/")[2].partition(".")[0])[:24] or "part")


class Used:
    """Which shared strings the cells of all sheets refer to."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()


class SheetHandler(PartHandler):
    """Collects what a sheet holds beside the values of its cells: formulas, headers, hints, links, validations."""

    _TEXTS: Final = frozenset(
        {"evenFooter", "evenHeader", "f", "firstFooter", "firstHeader", "formula", "formula1", "formula2", "oddFooter",
         "oddHeader", "sqref"}
    )  # fmt: skip

    def __init__(self, used: Used | None = None) -> None:
        super().__init__("sheet", paragraphs=self._TEXTS, leaves=self._TEXTS)
        self._used = used
        self._shared: list[str] | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Follow a reference to a shared string, or take up a text."""
        if name == "c":
            self._shared = [] if attributes.get("t") == "s" else None
        super().start(name, attributes)

    def text(self, text: str) -> None:
        """Characters; those of a cell are a reference at most."""
        if self._shared is not None and not self._taking:
            self._shared.append(text)
        super().text(text)

    def end(self, name: str) -> None:
        """Note the reference."""
        if name == "c" and self._shared is not None:
            number = "".join(self._shared).strip()
            if self._used is not None and number.isdigit():
                self._used.numbers.add(int(number))
            self._shared = None
        super().end(name)


class StringsHandler(PartHandler):
    """Collects shared strings that no cell refers to: left over from what was deleted."""

    def __init__(self, used: Used) -> None:
        super().__init__("strings without a cell", paragraphs=frozenset({"si"}), leaves=frozenset({"t"}))
        self._used = used

    def _paragraph(self, text: Any) -> None:
        if self._number - 1 not in self._used.numbers:
            super()._paragraph(text)


def check_extent(archive: Archive, name: str, limits: Limits) -> None:
    """Refuse a sheet whose outermost cells span more than the limit: readers lay out the whole rectangle."""
    rest = b""
    columns = rows = 1
    for piece in archive.pieces(name):
        rest += piece
        for letters, number in _CELL.findall(rest):
            columns, rows = max(columns, column_number(letters.decode()) + 1), max(rows, int(number))
        rest = rest[-256:]
    if columns * rows > limits.cells:
        raise DocumentError(
            "document.bomb",
            f"a sheet spans {rows} rows by {columns} columns, where {limits.cells} cells are read",
        )


def column_number(letters: str) -> int:
    """The number of a column, counted from 0: A, …, Z, AA."""
    column = 0
    for letter in letters.upper():
        column = column * 26 + ord(letter) - ord("A") + 1
    return column - 1


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
                            [""] * left + [cell_text(cell) for cell in row],
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


def cell_text(cell: Any) -> str:
    """A cell as a person would read it: numbers without exponent or a fraction of zero."""
    if isinstance(cell, bool):
        return ""
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    return str(cell)
