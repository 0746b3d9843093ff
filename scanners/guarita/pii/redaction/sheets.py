"""The cells of a worksheet with their places in its XML, as text like the extractor's, and how they are written anew."""

from __future__ import annotations

import datetime as dt
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from guarita.pii.documents.cells import Row
from guarita.pii.documents.fragments import place
from guarita.pii.documents.spreadsheet import cell_text, column_number
from guarita.pii.documents.xmltext import tag_end
from guarita.pii.redaction.interface import Edit
from guarita.pii.redaction.raw import Change

_REFERENCE: Final = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})$")
_DATE_IDS: Final = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
"""Built-in number formats that show a date or a time (ECMA-376 part 1, 18.8.30)."""
_QUOTED: Final = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
_EPOCH: Final = dt.datetime(1899, 12, 30)  # noqa: DTZ001  # a spreadsheet's time has no zone


@dataclass
class Cell:
    """One cell with something in it."""

    low: int
    high: int
    inside: int
    """Where its start tag ends."""
    kind: str
    """Its type as it is written: `s`, `inlineStr`, `str`, `n`, `b`, `e`, `d`."""
    pieces: list[str] = field(default_factory=list)
    text: str = ""
    shared: int = -1
    """The number of its shared string."""
    formula: tuple[int, int] | None = None
    group: str = ""
    """The group of cells that share its formula."""


class CellHandler:
    """Collects the cells of a sheet by row. `strings` are the shared strings, `dates` the styles that show dates."""

    def __init__(self, raw: bytes, strings: Sequence[Sequence[str]], dates: frozenset[int]) -> None:
        self._raw = raw
        self._strings = strings
        self._dates = dates
        self.rows: list[tuple[int, dict[int, Cell]]] = []
        self._row = 0
        self._column = -1
        self._cell: Cell | None = None
        self._style = 0
        self._value: list[str] = []
        self._inline: list[str] = []
        self._open = ""
        self._phonetic = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        low = place(name)
        if name == "row":
            number = attributes.get("r", "")
            self._row = int(number) if number.isdigit() else self._row + 1
            self._column = -1
            self.rows.append((self._row, {}))
        elif name == "c":
            match = _REFERENCE.match(attributes.get("r", ""))
            self._column = column_number(match[1]) if match else self._column + 1
            style = attributes.get("s", "0")
            self._style = int(style) if style.isdigit() else 0
            self._cell = Cell(low, low, tag_end(self._raw, low), attributes.get("t", "n"))
            self._value, self._inline = [], []
        elif name == "f" and self._cell is not None:
            self._cell.formula = (low, low)
            self._cell.group = attributes.get("si", "") if attributes.get("t") == "shared" else ""
        elif name == "rPh":
            self._phonetic += 1
        if name in {"v", "t", "f"}:
            self._open = name

    def text(self, text: str) -> None:
        if self._open == "v":
            self._value.append(text)
        elif self._open == "t" and not self._phonetic:
            self._inline.append(text)

    def end(self, name: str) -> None:
        low = place(name)
        self._open = ""
        if name == "rPh":
            self._phonetic -= 1
        elif name == "f" and self._cell is not None and self._cell.formula is not None:
            start = self._cell.formula[0]
            alone = self._raw[tag_end(self._raw, start) - 2 : tag_end(self._raw, start)] == b"/>"
            self._cell.formula = (start, tag_end(self._raw, start) if alone else tag_end(self._raw, low))
        elif name == "c" and self._cell is not None:
            cell, self._cell = self._cell, None
            alone = self._raw[cell.inside - 2 : cell.inside] == b"/>"
            cell.high = cell.inside if alone else tag_end(self._raw, low)
            self._read(cell)
            if cell.text and self.rows:
                self.rows[-1][1][self._column] = cell

    def _read(self, cell: Cell) -> None:
        value = "".join(self._value).strip() if cell.kind != "str" else "".join(self._value)
        if cell.kind == "s":
            if value.isdigit() and int(value) < len(self._strings):
                cell.shared = int(value)
                cell.pieces = list(self._strings[cell.shared])
        elif cell.kind == "inlineStr":
            cell.pieces = self._inline
        elif cell.kind == "str":
            cell.pieces = self._value
        elif cell.kind not in {"b", "e"} and value:
            cell.pieces = [self._number(value)]
        cell.text = "".join(cell.pieces)

    def _number(self, value: str) -> str:
        try:
            number = float(value)
        except ValueError:
            return value
        if self._style in self._dates and 0 < number < 2_958_466:  # noqa: PLR2004  # the last day of the year 9999
            return str(_moment(number))
        return cell_text(number)


def _moment(serial: float) -> dt.datetime | dt.date | dt.time:
    """A serial number as calamine gives it: a day, a time, or both."""
    moment = _EPOCH + dt.timedelta(seconds=round(serial * 86_400))
    if serial < 1:
        return moment.time()
    return moment.date() if float(serial).is_integer() else moment


def rows(found: Sequence[tuple[int, dict[int, Cell]]], cells: list[Cell]) -> Iterator[Row]:
    """Rows for `table_blocks`; `cells` gets the cells that have text, in the order of the blocks' spans."""
    for number, row in found:
        if not row:
            continue
        width = max(row) + 1
        ordered = [row.get(column) for column in range(width)]
        cells += (cell for cell in ordered if cell is not None and cell.text)
        yield Row([cell.text if cell else "" for cell in ordered], f"row {number}")


def written(raw: bytes, cell: Cell, edits: Sequence[Edit]) -> list[Change]:
    """A cell anew, as a text in the cell itself: its formula would make the value again."""
    at = 0
    parts: list[str] = []
    for start, end, text in edits:
        parts += (cell.text[at:start], text)
        at = end
    value = html.escape("".join((*parts, cell.text[at:])), quote=False)
    tag = raw[cell.low : cell.inside].decode()
    prefix = tag[1:].split(None, 1)[0].rpartition(":")[0]
    lead = f"{prefix}:" if prefix else ""
    opening = re.sub(r"""\s+t\s*=\s*("[^"]*"|'[^']*')""", "", tag).rstrip("/>").rstrip()
    body = f'<{lead}is><{lead}t xml:space="preserve">{value}</{lead}t></{lead}is>'
    return [Change(cell.low, cell.high, f'{opening} t="inlineStr">{body}</{lead}c>')]


class StringsHandler:
    """Collects shared strings, each in its pieces with their places."""

    def __init__(self) -> None:
        self.strings: list[list[str]] = []
        self._taking = False
        self._phonetic = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:  # noqa: ARG002  # the signature of the handlers
        if name == "si":
            self.strings.append([])
        elif name == "rPh":
            self._phonetic += 1
        self._taking = name == "t"

    def end(self, name: str) -> None:
        self._taking = False
        if name == "rPh":
            self._phonetic -= 1

    def text(self, text: str) -> None:
        if self._taking and not self._phonetic and self.strings:
            self.strings[-1].append(text)


class StylesHandler:
    """Collects which styles of cells show dates."""

    def __init__(self) -> None:
        self.dates: set[int] = set()
        self._formats: set[int] = set(_DATE_IDS)
        self._cells = False
        self._number = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "numFmt":
            shown = _QUOTED.sub("", attributes.get("formatCode", "")).lower()
            if any(letter in shown for letter in "dmyhs") and "general" not in shown:
                self._formats.add(_whole(attributes.get("numFmtId", "")))
        elif name == "cellXfs":
            self._cells = True
        elif name == "xf" and self._cells:
            if _whole(attributes.get("numFmtId", "")) in self._formats:
                self.dates.add(self._number)
            self._number += 1

    def end(self, name: str) -> None:
        if name == "cellXfs":
            self._cells = False

    def text(self, text: str) -> None:
        """Styles have none."""


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else -1


def shared_changes(
    strings: Sequence[Sequence[str]], edits: Mapping[int, Sequence[Edit]]
) -> Iterator[tuple[list[str], list[Edit]]]:
    """The pieces of each shared string that is changed, with its edits, in order and without overlaps."""
    for number, found in sorted(edits.items()):
        kept: list[Edit] = []
        for edit in sorted(found):
            if not kept or edit.start >= kept[-1].end:
                kept.append(edit)
        yield list(strings[number]), kept
