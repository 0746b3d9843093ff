"""ODS: the cells of every sheet, hidden ones too, with their notes.

Read as XML: a cell may say that it is repeated a million times, and a library that lays it out needs the
memory for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from guarita.pii.documents import xmltext
from guarita.pii.documents.archive import open_archive
from guarita.pii.documents.cells import Row, table_blocks
from guarita.pii.documents.interface import Block, Extractor, Limits, Source, damaged
from guarita.pii.documents.ooxml import paragraph_blocks
from guarita.pii.documents.package import beside

_PARTS: Final = re.compile(r"^(?:.*/)?(content|styles|meta|settings)\.xml$")
_MANY = 1_000
"""Repetitions of an empty cell that still count as columns."""


class OpenDocumentExtractor(Extractor):
    """Reads ODS, and the text of other OpenDocument files by paragraph."""

    kind = "ods"

    def blocks(self, source: Source, limits: Limits) -> Iterator[Block]:
        """Blocks of rows by sheet, then paragraphs outside cells."""
        with open_archive(source, limits) as archive:
            if "content.xml" not in archive.names:
                raise damaged("it has no content part")
            # Objects within it have such parts in folders of their own.
            for name in archive.names:
                part = _PARTS.match(name)
                if part:
                    handler = _Handler(part[1] in {"meta", "settings"})
                    xmltext.parse(archive.pieces(name), handler, limits, part[1])
                    yield from handler.blocks(limits)
            yield from beside(archive, limits)


class _Handler:
    def __init__(self, loose: bool) -> None:
        self._loose = loose
        self._tables: list[list[Row]] = []
        self._cells: list[str] = []
        self._cell: list[str] | None = None
        self._row = 0
        self._repeat = 1
        self._row_repeat = 1
        self._paragraph: list[str] = []
        self._depth = 0
        self._loose_text: list[tuple[str, str]] = []
        self._sheet = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "table":
            self._sheet += 1
            self._row = 0
            self._tables.append([])
            if attributes.get("name"):
                self._loose_text.append((attributes["name"], f"sheet {self._sheet}, name"))
        elif name == "table-row":
            self._row_repeat = _count(attributes.get("number-rows-repeated"))
            self._cells = []
        elif name in {"table-cell", "covered-table-cell"}:
            self._repeat = _count(attributes.get("number-columns-repeated"))
            # The value as stored: what is shown may be cut by its format.
            self._cell = [attributes["value"].removesuffix(".0")] if attributes.get("value") else []
        elif name in {"p", "h"}:
            self._depth += 1
        elif name == "s":
            self._paragraph.append(" ")
        elif name == "tab":
            self._paragraph.append("\t")
        elif name == "a" and attributes.get("href"):
            self._loose_text.append((attributes["href"], "link"))

    def end(self, name: str) -> None:
        if name in {"p", "h"}:
            self._depth -= 1
            if self._depth == 0:
                text = "".join(self._paragraph)
                self._paragraph = []
                if self._cell is None:
                    self._loose_text.append((text, "text"))
                elif text not in self._cell:
                    self._cell.append(text)
        elif name in {"table-cell", "covered-table-cell"}:
            text = "\n".join(self._cell or ())
            self._cells += [text] if text else [""] * min(self._repeat, _MANY)
            if text and self._repeat > 1:
                # The same value again and again: said once, its neighbours keep their columns.
                self._cells += [""] * (min(self._repeat, _MANY) - 1)
            self._cell = None
        elif name == "table-row":
            if any(self._cells) and self._tables:
                where = f"sheet {self._sheet}, row {self._row + 1}"
                self._tables[-1].append(Row(self._cells, where))
            self._row += self._row_repeat
        elif self._loose and self._paragraph:
            self._loose_text.append(("".join(self._paragraph), "properties"))
            self._paragraph = []

    def text(self, text: str) -> None:
        if self._depth or self._loose:
            self._paragraph.append(text)

    def blocks(self, limits: Limits) -> Iterator[Block]:
        for number, rows in enumerate(self._tables, start=1):
            yield from table_blocks(rows, limits, f"sheet {number}")
        yield from paragraph_blocks([([text], where) for text, where in self._loose_text if text.strip()])


def _count(value: str | None) -> int:
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 9 else 1  # noqa: PLR2004
