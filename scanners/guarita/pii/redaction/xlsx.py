"""XLSX: data out of the cells of every sheet, hidden ones too, and of all else that holds text; what hides data goes."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import BinaryIO, Final

from guarita.pii.documents import Block, Limits, Source, Span, xmltext
from guarita.pii.documents.archive import open_archive
from guarita.pii.documents.cells import table_blocks
from guarita.pii.documents.fragments import origins
from guarita.pii.documents.interface import Place, damaged
from guarita.pii.documents.package import Part, part_kind
from guarita.pii.documents.spreadsheet import SHEET, STRINGS, check_extent, handler, is_read
from guarita.pii.redaction.cutting import KEEP, Rule, cuts
from guarita.pii.redaction.docx import NAMES
from guarita.pii.redaction.interface import Choices, Edit, Editor, Redactor, Report, not_redactable
from guarita.pii.redaction.package import TYPES, Package
from guarita.pii.redaction.raw import Change, applied_bytes, changes, utf8_width
from guarita.pii.redaction.sheets import (
    Cell,
    CellHandler,
    StringsHandler,
    StylesHandler,
    rows,
    shared_changes,
    written,
)

_STYLES: Final = "xl/styles.xml"
_HIDDEN: Final = re.compile(
    r"^(?:customXml/.*|docProps/(?:custom\.xml|thumbnail\..*)|xl/(?:calcChain\.xml|revisions/.*|printerSettings/.*"
    r"|vbaProject[^/]*\.bin|queryTables/.*|connections\.xml|webextensions/.*))$"
)
"""Earlier revisions, queries and where they go, macros, what printers were used. The order of calculation is made
again by whoever opens the file."""
_PEOPLE: Final = {"displayName": "Author", "userId": "", "providerId": "None"}


class SpreadsheetRedactor(Redactor):
    """Writes the package anew."""

    kind = "xlsx"

    def redact(
        self, source: Source, target: BinaryIO, editor: Editor, limits: Limits, choices: Choices
    ) -> Report:
        report = Report()
        with open_archive(source, limits) as archive:
            if TYPES not in archive.names:
                raise damaged("it has no list of content types")
            for name in archive.names:
                if SHEET.match(name):
                    check_extent(archive, name, limits)
        with open_archive(source, limits) as archive, Package(archive, target, limits) as package:
            package.remove(lambda name: _leaving(name, choices), report.removed)
            package.write(TYPES, package.types())
            _write(package, editor, limits)
        return report


def _write(package: Package, editor: Editor, limits: Limits) -> None:
    # Sheets first: which shared strings hold data is known by the cells that they stand in.
    book = _Book(package, editor, limits)
    for name in package.names():
        if SHEET.match(name):
            package.write(name, book.sheet(name))
    for name in package.names():
        if name in {TYPES, STRINGS} or SHEET.match(name):
            continue
        if name.endswith(".rels"):
            data = package.relationships(name, handler(name), editor)
        elif is_read(name):
            data = package.rewritten(name, handler(name), editor, _rules)
        else:
            data = package.read(name)
        package.write(name, data)
    if book.has_strings:
        package.write(STRINGS, book.strings())


class _Book:
    """What sheets have in common: shared strings and styles."""

    def __init__(self, package: Package, editor: Editor, limits: Limits) -> None:
        self._package = package
        self._editor = editor
        self._limits = limits
        names = set(package.names())
        self.has_strings = STRINGS in names
        self._strings: list[list[str]] = []
        if self.has_strings:
            found = StringsHandler()
            raw = package.read(STRINGS)
            xmltext.parse([raw], found, limits, "strings", raw)
            self._strings = found.strings
        styles = StylesHandler()
        if _STYLES in names:
            xmltext.parse([package.read(_STYLES)], styles, limits, "styles")
        self._dates = frozenset(styles.dates)
        self._edits: dict[int, list[Edit]] = {}
        self._used: set[int] = set()

    def sheet(self, name: str) -> bytes:
        """A sheet anew: cells first, then what stands beside them."""
        raw = self._package.read(name)
        found = CellHandler(raw, self._strings, self._dates)
        xmltext.parse([raw], found, self._limits, "sheet", raw)
        made = self._cells(name, raw, found)
        beside = handler(name)
        xmltext.parse([raw], beside, self._limits, beside.part, raw)
        for block in beside.blocks(self._limits):
            made += changes(block, self._editor.edits(block), utf8_width)
        # A whole cell goes before what is changed in its formula.
        cells = [change for change in made if raw.startswith(b"<", change.low)]
        others = [change for change in made if not raw.startswith(b"<", change.low)]
        outer = cuts(raw, self._package.with_relations(name, _rules))
        return applied_bytes(raw, [*outer, *cells], others)

    def strings(self) -> bytes:
        """The shared strings anew: changed where cells hold them, and looked at alone where none does."""
        raw = self._package.read(STRINGS)
        for number, pieces in enumerate(self._strings):
            text = "".join(pieces)
            if number not in self._used and text:
                block = Block(text, (Span(0, len(text), Place()),))
                self._edits.setdefault(number, []).extend(self._editor.edits(block))
        made: list[Change] = []
        for pieces, edits in shared_changes(self._strings, self._edits):
            text = "".join(pieces)
            block = Block(text, (Span(0, len(text), Place()),), origins=tuple(origins(pieces, 0)))
            made += changes(block, edits, utf8_width)

        def phonetic(name: str, attributes: dict[str, str], around: tuple[str, ...]) -> Rule:  # noqa: ARG001
            return Rule("cut") if name == "rPh" else KEEP

        return applied_bytes(raw, cuts(raw, phonetic), made)

    def _cells(self, name: str, raw: bytes, found: CellHandler) -> list[Change]:
        made: list[Change] = []
        groups: set[str] = set()
        cells: list[Cell] = []
        for block in table_blocks(rows(found.rows, cells), self._limits, name):
            starts = [span.start for span in block.spans]
            edits: dict[int, list[Edit]] = {}
            for start, end, text in self._editor.edits(block):
                number = bisect_right(starts, start) - 1
                edits.setdefault(number, []).append(Edit(start - starts[number], end - starts[number], text))
            for number, cell in enumerate(cells[: len(starts)]):
                if cell.shared >= 0:
                    self._used.add(cell.shared)
                if number not in edits:
                    continue
                if cell.shared >= 0 and cell.formula is None:
                    self._edits.setdefault(cell.shared, []).extend(edits[number])
                    continue
                if cell.group:
                    groups.add(cell.group)
                made += written(raw, cell, edits[number])
            del cells[: len(starts)]
        if groups:
            # Of cells that share a formula one has it: where that one goes the others keep their values.
            made += (
                Change(*cell.formula, "")
                for _, row in found.rows
                for cell in row.values()
                if cell.group in groups and cell.formula is not None
            )
        return made


def _leaving(name: str, choices: Choices) -> str:
    if _HIDDEN.match(name):
        return "hidden data"
    kind = part_kind(name)
    if kind not in {Part.OBJECT, Part.FILE}:
        return ""
    if choices.embedded == "refuse" or "/embeddings/" in name or "/activeX/" in name:
        raise not_redactable("it holds an embedded object, with a picture of what is in it")
    return "embedded object"


def _rules(name: str, attributes: dict[str, str], around: tuple[str, ...]) -> Rule:
    if name in NAMES or (name == "author" and around[-1:] == ("authors",)):
        return Rule("empty")
    if name == "person":
        return Rule(attributes={key: value for key, value in _PEOPLE.items() if key in attributes})
    return KEEP
