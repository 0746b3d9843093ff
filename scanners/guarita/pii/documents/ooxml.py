"""What the parts of OOXML packages have in common: paragraphs, tables, links, alternative texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from guarita.pii.documents.cells import Row, table_blocks
from guarita.pii.documents.fragments import origins
from guarita.pii.documents.interface import Block, Limits, Origin, Place, Span

Text = Sequence[str]
"""A text in pieces, some of which know their places."""
Paragraph = tuple[Text, str]
"""A text, and where it stands."""

_LEAVES: Final = frozenset({"t", "instrText"})
"""Elements whose own characters are text: shown, or a field's code."""
_DELETED: Final = frozenset({"delText", "delInstrText"})
"""Elements that hold what was deleted with tracking: still there, and beside what replaced it."""
_SPOKEN: Final = (
    "alt", "altText", "author", "default", "descr", "displayName", "displayText", "initials", "instr", "location", "name",
    "o:href", "href", "prompt", "promptTitle", "error", "errorTitle", "string", "title", "tooltip", "userId",
)  # fmt: skip
"""Attributes that hold words of a person: alternative texts, who wrote a comment, WordArt, names of bookmarks."""
_VALUES: Final = frozenset(
    {
        "alias", "attachedSchema", "attr", "checkBox", "connectString", "default", "docVar", "helpText", "listEntry", "listItem",
        "name", "placeholder", "query", "statusText", "tag", "udl",
    }
)  # fmt: skip
"""Elements whose `val` or `value` is somebody's text: document variables, form fields, content controls, mail merge."""
_STANDS_FOR: Final = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


class PartHandler:
    """Collects paragraphs, and the rows of tables, nested ones included.

    `part` is what to call the part. `paragraphs` are the elements whose runs are read as one text, and
    `leaves` those whose characters count.
    """

    def __init__(
        self,
        part: str,
        *,
        paragraphs: frozenset[str] = frozenset({"p"}),
        leaves: frozenset[str] = _LEAVES,
    ) -> None:
        self.part = part
        self._breaks = paragraphs
        self._leaves = leaves
        self._paragraphs: list[Paragraph] = []
        self._rows: list[list[Row]] = []
        self._open: list[_Table] = []
        self._text: list[list[str]] = [[]]
        self._deleted: list[str] = []
        self._taking = 0
        self._deleting = 0
        self._number = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Open what the element opens, and keep what its attributes say."""
        for key in _SPOKEN:
            self._paragraph([attributes.get(key, "")])
        if name in _VALUES:
            for key in ("val", "value"):
                self._paragraph([attributes.get(key, "")])
        if name in self._breaks:
            self._text.append([])
        if name in self._leaves:
            self._taking += 1
        elif name in _DELETED:
            self._deleting += 1
        elif name == "tbl":
            self._rows.append([])
            self._open.append(_Table(f"{self.part}, table {len(self._rows)}", self._rows[-1]))
        elif name == "tc" and self._open:
            self._open[-1].cell = []
        elif name in _STANDS_FOR:
            self._text[-1].append(_STANDS_FOR[name])

    def end(self, name: str) -> None:
        """Close what the element closes."""
        if name in self._leaves:
            self._taking -= 1
        elif name in _DELETED:
            self._deleting -= 1
        elif name == "del":
            self._deleted.append("\n")
        if name in self._breaks:
            self._end_paragraph()
        elif self._open:
            if name == "tc":
                self._open[-1].end_cell()
            elif name == "tr":
                self._open[-1].end_row()
            elif name == "tbl":
                self._open.pop()

    def text(self, text: str) -> None:
        """Characters, which count within a leaf."""
        if self._taking:
            self._text[-1].append(text)
        elif self._deleting:
            self._deleted.append(text)

    def blocks(self, limits: Limits) -> Iterator[Block]:
        """What was collected: paragraphs first, then tables."""
        # What stood outside any paragraph.
        self._paragraph(self._text[0])
        yield from paragraph_blocks(self._paragraphs)
        for number, rows in enumerate(self._rows, start=1):
            yield from table_blocks(rows, limits, f"{self.part}, table {number}")

    def _end_paragraph(self) -> None:
        self._number += 1
        text = self._text.pop()
        self._paragraph(self._deleted)
        self._deleted = []
        if self._open and self._open[-1].cell is not None:
            self._open[-1].cell.append(text)
        else:
            self._paragraph(text)

    def _paragraph(self, text: Text) -> None:
        if any(piece.strip() for piece in text):
            where = f"{self.part}, paragraph {self._number}" if self._number else self.part
            self._paragraphs.append((text, where))


class LinkHandler(PartHandler):
    """Collects the targets of links: `mailto:` and what follows."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Keep a target that lies outside the package."""
        if name == "Relationship" and attributes.get("TargetMode") == "External":
            self._paragraph([attributes.get("Target", "")])


class LooseHandler(PartHandler):
    """Collects every text and attribute, each behind the element's name: properties, data of any format."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Start a text of its own."""
        self._flush()
        for key, value in attributes.items():
            self._paragraph([f"{key}: ", value])
        self._text[-1].append(f"{name}: ")
        self._taking = 1

    def end(self, name: str) -> None:  # noqa: ARG002  # the signature of the handlers
        """End it."""
        self._flush()

    def _flush(self) -> None:
        if len(self._text[0]) > 1:
            self._paragraph(self._text[0])
        self._text[0] = []


class _Table:
    """A table that is being read."""

    def __init__(self, where: str, rows: list[Row]) -> None:
        self.cell: list[list[str]] | None = None
        self._where = where
        self._rows = rows
        self._cells: list[list[str]] = []

    def end_cell(self) -> None:
        pieces: list[str] = []
        for number, paragraph in enumerate(self.cell or ()):
            pieces += (["\n"] if number else []) + paragraph
        self._cells.append(pieces)
        self.cell = None

    def end_row(self) -> None:
        where = f"{self._where}, row {len(self._rows) + 1}"
        self._rows.append(Row(["".join(pieces) for pieces in self._cells], where, pieces=self._cells))
        self._cells = []


def paragraph_blocks(paragraphs: Sequence[Paragraph]) -> Iterator[Block]:
    """One block of texts with where they stand."""
    parts: list[str] = []
    spans: list[Span] = []
    places: list[Origin] = []
    length = 0
    for pieces, where in paragraphs:
        text = "".join(pieces)
        parts += (text, "\n")
        spans.append(Span(length, length + len(text), Place(label=where)))
        places += origins(pieces, length)
        length += len(text) + 1
    if spans:
        yield Block("".join(parts), tuple(spans), origins=tuple(places))
